package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

const whole = "apiVersion: tcr-webhook.io/v1alpha1\nkind: Config\ntencentCloud: {region: ap-guangzhou}\nregistries:\n- {instance: tcr-demo0001, route: Public}\n"

func TestPropose(t *testing.T) {
	t.Parallel()
	entries := []registry.Entry{{ID: "tcr-demo0001"}}
	tests := map[string]struct {
		text string
		want string // of the error; empty: there is a rule called a
	}{
		"a whole configuration":          {whole + "policy: {rules: [{name: a, allow: [tcr-demo0001]}]}\n", ""},
		"a whole one without a policy":   {whole, "c.yaml has no policy: nothing is restricted"},
		"a whole one with a mistake":     {whole + "policy: {rules: [{name: a}]}\n", "c.yaml:6:18: policy.rules[0]: restricts nothing"},
		"a policy":                       {"policy:\n  rules:\n  - {name: a, deny: [a.io]}\n", ""},
		"rules":                          {"rules:\n- {name: a, deny: [a.io]}\n", ""},
		"a rule by another name":         {"x: &x [{name: a, deny: [a.io]}]\nrules: *x\n", "not found"},
		"rules that are named elsewhere": {"policy: {rules: &x [{name: a, deny: [a.io]}]}\n", ""},
		"nothing":                        {"", "c.yaml has no rules: want the policy of a configuration"},
		"no mapping":                     {"- a\n", "c.yaml: "},
		"no YAML":                        {"a: [\n", "c.yaml: line 1"},
		"an unknown key":                 {"rules:\n- {name: a, dney: [a.io]}\n", "dney not found"},
		"a pattern that is none":         {"rules:\n- name: a\n  deny:\n  - a.io\n  - b*.io\n", "c.yaml:5:5: deny: \"b*.io\" can match no image"},
		"an action that is none":         {"rules:\n- {name: a, deny: [a.io], action: Deny}\n", "c.yaml:2:35: action: \"Deny\" is not one of Audit, Warn, Enforce"},
		"another's instance":             {"rules:\n- {name: a, allow: [tcr-other001]}\n", "c.yaml:2:21: allow: instance tcr-other001 is none of registries"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := propose(source{"c.yaml", []byte(tt.text)})
			var rules *policy.Rules
			if err == nil {
				rules, err = p.rules(entries)
			}
			if tt.want != "" {
				assert.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			list := rules.Compile(&registry.Directory{}, "").Rules()
			require.Len(t, list, 1)
			assert.Equal(t, "a", list[0].Name)
			assert.Equal(t, policy.Audit, list[0].Action)
		})
	}
}

// FuzzPropose looks that whatever is in a file, there are rules or an error.
func FuzzPropose(f *testing.F) {
	f.Add(whole + "policy: {rules: [{name: a, allow: [tcr-demo0001]}]}\n")
	f.Add("policy:\n  rules:\n  - {name: a, deny: [a.io]}\n")
	f.Add("x: &x {rules: [{name: a}]}\npolicy: *x\n")
	f.Add("rules:\n- &a {name: a, deny: &b [a.io, 1]}\n- *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := propose(source{"c.yaml", []byte(text)})
		if err != nil {
			return
		}
		rules, err := p.rules(nil)
		assert.True(t, err != nil || rules != nil && len(p.list) > 0)
	})
}
