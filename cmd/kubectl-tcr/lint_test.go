package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// runWith runs the command with text as its standard input, in no cluster.
func runWith(t *testing.T, text string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	env := func(name string) string { return map[string]string{"LANG": "en_US.UTF-8"}[name] }
	streams := genericiooptions.IOStreams{In: strings.NewReader(text), Out: &out, ErrOut: &errOut}
	code = run(t.Context(), append([]string{"/usr/bin/kubectl-tcr"}, args...), env, streams)
	return code, out.String(), errOut.String()
}

func TestLint(t *testing.T) {
	t.Parallel()
	const strict = whole + "policy:\n  rules:\n  - {name: a, allow: [tcr-demo0001], action: Enforce}\n"
	tests := map[string]struct {
		text   string
		args   []string
		code   int
		stdout string // begins with
		stderr string
	}{
		"nothing is wrong":            {whole, nil, exitFine, "", "✔ 0 errors, 0 warnings\n"},
		"a word that is not taken":    {whole + "pullSecret: {missing: Maybe}\n", nil, exitFindings, "-:6:23: error: pullSecret.missing: \"Maybe\" is not one of Warn, Deny   [TCR601]\n", "✖ 1 error, 0 warnings\n"},
		"an unknown key":              {whole + "foo: 1\n", nil, exitFindings, "-:6: error: unknown key \"foo\"; known here: ", "✖ 1 error, 0 warnings\n"},
		"no YAML":                     {"a: [\n", nil, exitFindings, "-:1: error: ", "✖ 1 error, 0 warnings\n"},
		"nothing at all":              {"", nil, exitFindings, "-: error: is empty; it begins with apiVersion", "✖ 1 error, 0 warnings\n"},
		"a warning":                   {strict, nil, exitFine, "-:8:22: warning: policy.rules[0].allow: no pattern covers what TKE's own components", "! 0 errors, 1 warning\n"},
		"a warning that fails":        {strict, []string{"--fail-on", "warning"}, exitFindings, "-:8:22: warning: ", "! 0 errors, 1 warning\n"},
		"a warning that is left out":  {strict, []string{"--ignore", "TCR611", "--fail-on=warning"}, exitFine, "", "✔ 0 errors, 0 warnings\n"},
		"no symbols":                  {whole, []string{"--ascii"}, exitFine, "", "OK 0 errors, 0 warnings\n"},
		"a format that is none":       {whole, []string{"-o", "xml"}, exitUnknown, "", "kubectl tcr: -o xml: want one of table, short, json, yaml\n"},
		"a threshold that is none":    {whole, []string{"--fail-on", "note"}, exitUnknown, "", "kubectl tcr: --fail-on note: want error or warning\n"},
		"two files":                   {whole, []string{"c.yaml"}, exitUnknown, "", "kubectl tcr: give the file once: c.yaml or -f -\n"},
		"an error in JSON fails, too": {whole + "foo: 1\n", []string{"-o", "json"}, exitFindings, "{\n  \"apiVersion\": \"tcr-webhook.io/v1alpha1\",\n  \"kind\": \"LintReport\",", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := runWith(t, tt.text, append([]string{"lint", "-f", "-"}, tt.args...)...)
			assert.Equal(t, tt.code, code)
			assert.True(t, strings.HasPrefix(stdout, tt.stdout), stdout)
			assert.Equal(t, tt.stderr, stderr)
			if tt.stdout == "" {
				assert.Empty(t, stdout)
			}
		})
	}
}

func TestLintAsJSON(t *testing.T) {
	t.Parallel()
	_, stdout, _ := runWith(t, whole+"pullSecret: {missing: Maybe}\n", "lint", "-f", "-", "-o", "json")
	var got lintReport
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	assert.Equal(t, []lintFinding{{Code: codeMistake, Severity: "error", File: "-", Line: 6, Column: 23, Text: `pullSecret.missing: "Maybe" is not one of Warn, Deny`}}, got.Findings)
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"audit", "--help"}, {"lint", "--help"}, {"render"}, {"render", "policy", "--help"}} {
		code, stdout, stderr := runWith(t, "", args...)
		assert.Equal(t, exitFine, code, args)
		assert.Contains(t, stdout, "kubectl tcr", args)
		assert.Empty(t, stderr, args)
	}
	code, _, stderr := runWith(t, "", "render", "polcy")
	assert.Equal(t, exitUnknown, code)
	assert.Contains(t, stderr, `there is nothing called "polcy" to render`)
}

func TestRenderPolicy(t *testing.T) {
	t.Parallel()
	const known = "apiVersion: tcr-webhook.io/v1alpha1\nkind: Config\ntencentCloud: {region: ap-guangzhou}\nregistries:\n- {instance: tcr-demo0001, route: Public, hosts: {public: demo.tencentcloudcr.com}}\n"
	const rules = "policy:\n  rules:\n  - {name: a, allow: [tcr-demo0001], action: Enforce}\n"
	code, stdout, stderr := runWith(t, known+rules, "render", "policy", "--config", "-")
	assert.Equal(t, exitFine, code, stderr)
	assert.Equal(t, 3, strings.Count(stdout, "\n---\n"), "a policy and two bindings")
	assert.Contains(t, stdout, "'demo.tencentcloudcr.com/*'")
	assert.NotContains(t, stdout, "status:")
	code, stdout, _ = runWith(t, known+rules, "render", "policy", "--config", "-", "-o", "json")
	assert.Equal(t, exitFine, code)
	assert.Contains(t, stdout, `"kind": "List"`)

	code, stdout, stderr = runWith(t, whole+rules, "render", "policy", "--config", "-", "--server", "https://127.0.0.1:1")
	assert.Equal(t, exitUnknown, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "kubectl tcr: -: rule a cannot be rendered: it names an instance whose hosts are not known")
	code, _, stderr = runWith(t, known, "render", "policy", "--config", "-")
	assert.Equal(t, exitUnknown, code)
	assert.Contains(t, stderr, "kubectl tcr: - has no policy: nothing is restricted")
}

func TestSymbols(t *testing.T) {
	t.Parallel()
	for locale, want := range map[string]string{"en_US.UTF-8": "✔", "C.utf8": "✔", "C": "OK", "": "OK"} {
		assert.Equal(t, want, symbolsFor(func(name string) string {
			if name == "LC_ALL" {
				return locale
			}
			return ""
		}).fine, locale)
	}
}
