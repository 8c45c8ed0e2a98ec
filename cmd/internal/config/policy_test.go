package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

const withPolicy = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, vpc: vpc-abc123}
registries: [{instance: tcr-m3ut3qxx}]
policy:
  rules:
  - name: only-ours
    namespaces: ["*", "!team-*"]
    allow: [tcr-m3ut3qxx, tke-system, registry.k8s.io]
    deny: [registry.k8s.io/evil]
    requireDigest: true
    action: Enforce
  - name: later
    allow: [nginx]
`

func TestPolicy(t *testing.T) {
	t.Parallel()
	c, err := Decode("c.yaml", []byte(withPolicy))
	require.NoError(t, err)
	assert.Equal(t, PolicyRule{Name: "later", Allow: []string{"nginx"}, Action: policy.Audit}, c.Policy.Rules[1], "the default is the mildest")

	entries, err := c.Entries()
	require.NoError(t, err)
	entries[0].Hosts.Public = "demo.tencentcloudcr.com"
	d, _ := registry.NewDirectory(entries)
	p := c.PolicyRules().Compile(d, "tcr-webhook")
	const digest = "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	assert.Equal(t, policy.Verdict{Action: policy.Enforce, Rule: "only-ours", Reason: policy.NotAllowed}, p.Judge("shop", "quay.io/a"+digest))
	assert.Equal(t, policy.Verdict{Action: policy.Audit, Rule: "later", Reason: policy.NotAllowed}, p.Judge("shop", "demo.tencentcloudcr.com/a"+digest))
	assert.Equal(t, policy.Audit, p.Judge("team-a", "quay.io/a").Action)
	assert.True(t, p.Judge("kube-system", "quay.io/a").OK())
}

func TestNoPolicy(t *testing.T) {
	t.Parallel()
	c, err := Decode("c.yaml", []byte(whole))
	require.NoError(t, err)
	assert.Nil(t, c.PolicyRules())
	assert.Nil(t, c.PolicyRules().Compile(nil, ""), "no policy compiles to none")
}

func TestPolicyMistakes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, old, fresh, want string }{
		{"an unknown key", "    deny:", "    denied:", `c.yaml:10: unknown key "denied"; known here: name, namespaces, allow, deny, requireDigest, action`},
		{"no name", "- name: only-ours\n   ", "-", `c.yaml:7:5: policy.rules[0].name: "" is not the name of a rule`},
		{"a name that is no label", "only-ours", "Only_Ours", `c.yaml:7:11: policy.rules[0].name: "Only_Ours" is not the name of a rule`},
		{"a name for two", "name: later", "name: only-ours", `c.yaml:13:11: policy.rules[1].name: "only-ours" is the name of another rule, too`},
		{"another action", "Enforce", "enforce", `c.yaml:12:13: policy.rules[0].action: "enforce" is not one of Audit, Warn, Enforce`},
		{"a bad glob", `"!team-*"`, `"[a"`, `c.yaml:8:17: policy.rules[0].namespaces: "[a" is not a namespace name or glob`},
		{"an instance that is not configured", "[tcr-m3ut3qxx,", "[tcr-k2a9bbqq,", `c.yaml:9:13: policy.rules[0].allow[0]: instance tcr-k2a9bbqq is none of registries`},
		{"no instance id", "[tcr-m3ut3qxx,", "[tcr-demo.,", `policy.rules[0].allow[0]: "tcr-demo."`},
		{"an instance id cut short", "[tcr-m3ut3qxx,", "[tcr-m3,", `policy.rules[0].allow[0]: "tcr-m3" is not an instance id`},
		{"a tag in a pattern", "registry.k8s.io/evil", "registry.k8s.io/evil:1", `c.yaml:10:12: policy.rules[0].deny[0]: "registry.k8s.io/evil:1" is not a pattern: want host[:port][/path], without a tag or digest`},
		{"upper case in a path", "registry.k8s.io/evil", "registry.k8s.io/Evil", `policy.rules[0].deny[0]: "registry.k8s.io/Evil" can match no image: paths are in lower case`},
		{"half a label", "registry.k8s.io/evil", `"reg*.k8s.io"`, `policy.rules[0].deny[0]: "reg*.k8s.io" can match no image: * stands for one whole label`},
		{"a scheme", "registry.k8s.io/evil", `https://registry.k8s.io/evil`, `policy.rules[0].deny[0]: "https://registry.k8s.io/evil"`},
		{"nothing is allowed", "allow: [nginx]", "allow: []", `c.yaml:14:12: policy.rules[1].allow: is empty, so that nothing could run`},
		{"nothing is restricted", "    allow: [nginx]\n", "", `c.yaml:13:5: policy.rules[1]: restricts nothing`},
		{"no rule", withPolicy[strings.Index(withPolicy, "  rules:"):], "  rules: []\n", `c.yaml:6:10: policy.rules: has no rule`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, withPolicy, tt.old)
			_, err := Decode("c.yaml", []byte(strings.Replace(withPolicy, tt.old, tt.fresh, 1)))
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestLintPolicy(t *testing.T) {
	t.Parallel()
	c, err := Decode("c.yaml", []byte(strings.Replace(withPolicy, "[registry.k8s.io/evil]", "[gcr.io]", 1)))
	require.NoError(t, err)
	texts := make([]string, 0, 3)
	for _, w := range Lint(c) {
		texts = append(texts, w.String())
	}
	require.Len(t, texts, 2)
	assert.Contains(t, texts[0], "c.yaml:11:20: policy.rules[0].requireDigest: TKE's own components are named by tags")
	assert.Contains(t, texts[1], "c.yaml:14:12: policy.rules[1].allow: no pattern covers what TKE's own components are pulled from")

	c.Policy.Rules[0].RequireDigest = false
	assert.Len(t, Lint(c), 1)
	c.Policy = nil
	assert.Empty(t, Lint(c))
}
