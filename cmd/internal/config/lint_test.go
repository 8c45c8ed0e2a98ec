package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLint(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: tcr-webhook.io/v1alpha1\nkind: Config\ntencentCloud: {region: ap-guangzhou, vpc: vpc-abc123}\nregistries:\n"
	const shadowed, shared = "never takes effect: registries[0] is before it, for tcr-m3ut3qxx too", "has the identity of registries[0], for tcr-m3ut3qxx too"
	tests := map[string]struct {
		first, second string // entries without the instance
		want          string // of the second; empty: no warning
	}{
		"everything, then everything":            {``, ``, shadowed},
		"everything, then something":             {``, `, namespaces: [a]`, shadowed},
		"everything, then another identity":      {``, `, namespaces: [a], identity: NodeRole`, shadowed},
		"a prefix, then what has it":             {`, namespaces: ["team-*"]`, `, namespaces: [team-a, "team-b*", "!team-bb"]`, shadowed},
		"a prefix, then what has it in part":     {`, namespaces: ["team-*"]`, `, namespaces: [team-a, b], identity: NodeRole`, ""},
		"a name excluded, then that":             {`, namespaces: ["*", "!a"]`, `, namespaces: [a], identity: NodeRole`, ""},
		"a name excluded, then another":          {`, namespaces: ["*", "!a"]`, `, namespaces: [b], identity: NodeRole`, shadowed},
		"a name excluded, then a pattern":        {`, namespaces: ["*", "!ab"]`, `, namespaces: ["a*"], identity: NodeRole`, ""},
		"a pattern excluded, then a name of it":  {`, namespaces: ["*", "!a*"]`, `, namespaces: [ab], identity: NodeRole`, ""},
		"a pattern excluded, then a name beside": {`, namespaces: ["*", "!a*"]`, `, namespaces: [b], identity: NodeRole`, shadowed},
		"excluded and included again":            {`, namespaces: ["*", "!a*", ab]`, `, namespaces: [ab], identity: NodeRole`, shadowed},
		"the same list":                          {`, namespaces: ["a?", "!ab"]`, `, namespaces: ["a?", "!ab"]`, shadowed},
		"a label, then all":                      {`, namespaceSelector: {matchLabels: {a: b}}`, `, identity: NodeRole`, ""},
		"a label, then the same":                 {`, namespaceSelector: {matchLabels: {a: b}}`, `, namespaceSelector: {matchLabels: {a: b}}`, shadowed},
		"a label, then another":                  {`, namespaceSelector: {matchLabels: {a: b}}`, `, namespaceSelector: {matchLabels: {a: c}}, identity: NodeRole`, ""},
		"all, then a label":                      {``, `, namespaceSelector: {matchLabels: {a: c}}`, shadowed},
		"different ones of one identity":         {`, namespaces: [a]`, `, namespaces: [b]`, shared},
		"different ones of one role":             {`, namespaces: [a], identity: NodeRole`, `, namespaces: [b], identity: NodeRole`, shared},
		"different ones of two identities":       {`, namespaces: [a]`, `, namespaces: [b], credentials: b`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := head + "- {instance: tcr-m3ut3qxx" + tt.first + "}\n- {instance: tcr-k2a9bbqq}\n- {instance: tcr-m3ut3qxx" + tt.second + "}\n"
			c, err := Decode("c.yaml", []byte(text))
			require.NoError(t, err)
			warnings := Lint(c)
			if tt.want == "" {
				assert.Empty(t, warnings)
				return
			}
			require.Len(t, warnings, 1)
			assert.Contains(t, warnings[0].String(), "c.yaml:7:3: registries[2]: "+tt.want)
		})
	}
}

func TestLintOfFixedLogins(t *testing.T) {
	t.Parallel()
	const entry = "- {name: personal, hosts: [ccr.ccs.tencentyun.com], credentialSecret: "
	text := "apiVersion: tcr-webhook.io/v1alpha1\nkind: Config\ntencentCloud: {region: ap-guangzhou}\nregistries:\n" +
		entry + "one, namespaces: [a]}\n" + entry + "one, namespaces: [b]}\n" + entry + "two, namespaces: [a]}\n"
	c, err := Decode("c.yaml", []byte(text))
	require.NoError(t, err)
	warnings := Lint(c)
	require.Len(t, warnings, 1, "that two entries share a login is said by the login")
	assert.Contains(t, warnings[0].String(), "c.yaml:7:3: registries[2]: never takes effect: registries[0] is before it, for personal too")
}
