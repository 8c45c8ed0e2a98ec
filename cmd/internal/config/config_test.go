package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

const whole = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud:
  region: ap-guangzhou
  vpc: vpc-abc123
  identity: SecretKey
  endpoint: http://127.0.0.1:1234
registries:
- instance: tcr-m3ut3qxx
  hosts: {public: demo.tencentcloudcr.com, private: demo-vpc.tencentcloudcr.com, custom: [r.example.com]}
  namespaces: ["*", "!kube-public"]
  namespaceSelector: {matchLabels: {team: blue}}
  route: Private
  delivery: EveryNamespace
- instance: tcr-k2a9bbqq
pullSecret: {name: my-pull}
firstPodGrace: 250ms
rewrite: {skipOwners: [postgresql.cnpg.io/Cluster]}
`

func TestDecodeWhole(t *testing.T) {
	t.Parallel()
	c, err := Decode("config.yaml", []byte(whole))
	require.NoError(t, err)
	assert.Equal(t, "my-pull", c.PullSecret.Name)
	assert.Equal(t, 250*time.Millisecond, time.Duration(*c.FirstPodGrace))

	assert.Equal(t, []podview.GroupKind{{Group: "postgresql.cnpg.io", Kind: "Cluster"}}, c.SkipOwners())

	entries, err := c.Entries()
	require.NoError(t, err)
	require.Len(t, entries, 2)
	first, second := entries[0], entries[1]
	assert.Equal(t, registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com", Custom: []registry.Host{"r.example.com"}}, first.Hosts)
	assert.Equal(t, registry.RoutePrivateName, first.Route)
	assert.True(t, first.EveryNamespace)
	assert.True(t, first.Namespaces.Match(registry.Namespace{Name: "a", Labels: map[string]string{"team": "blue"}}))
	assert.False(t, first.Namespaces.Match(registry.Namespace{Name: "a"}))
	assert.False(t, first.Namespaces.Match(registry.Namespace{Name: "kube-public", Labels: map[string]string{"team": "blue"}}))

	assert.Equal(t, registry.RouteAuto, second.Route)
	assert.False(t, second.EveryNamespace)
	assert.True(t, second.Namespaces.Match(registry.Namespace{Name: "kube-public"}))
}

func TestDecodeDefaults(t *testing.T) {
	t.Parallel()
	c, err := Decode("c", []byte("apiVersion: tcr-webhook.io/v1alpha1\nkind: Config\ntencentCloud: {region: ap-guangzhou}\nregistries: [{instance: tcr-m3ut3qxx}]\n"))
	require.NoError(t, err)
	assert.Equal(t, PullSecret{Name: "tcr-pull", Missing: MissingWarn, ServiceAccounts: ServiceAccountsNever}, c.PullSecret)
	assert.Equal(t, IdentityAuto, c.TencentCloud.Identity)
	assert.Equal(t, RouteAuto, c.Registries[0].Route)
	assert.Equal(t, DeliverOnDemand, c.Registries[0].Delivery)
	assert.Equal(t, time.Second, time.Duration(*c.FirstPodGrace))
}

func TestDecodeMistakes(t *testing.T) {
	t.Parallel()
	replace := func(old, fresh string) string {
		require.Contains(t, whole, old)
		return strings.Replace(whole, old, fresh, 1)
	}
	tests := []struct {
		name, data string
		want       []string
	}{
		{"an empty file", "", []string{"c.yaml: is empty; it begins with apiVersion"}},
		{"no YAML", "a: [", []string{"c.yaml:1: "}},
		{"a second document", whole + "---\na: 1\n", []string{"c.yaml: holds more than one YAML document"}},
		{"an unknown key", replace("  namespaces:", "  namespace:"), []string{`c.yaml:11: unknown key "namespace"; known here: instance, name, hosts, credentialSecret, identity, assumeRole, credentials, namespaces, namespaceSelector, route, delivery`}},
		{"an unknown key at the top", whole + "extra: 1\n", []string{`c.yaml:19: unknown key "extra"; known here: apiVersion, kind, tencentCloud`}},
		{"a repeated key", whole + "kind: Config\n", []string{`c.yaml:19: mapping key "kind" already defined at line 2`}},
		{"a wrong type", replace(`["*", "!kube-public"]`, "{}"), []string{"c.yaml:11: cannot unmarshal !!map into []string"}},
		{"a bad duration", replace("250ms", "soon"), []string{`c.yaml:17: "soon" is not a duration`}},
		{"a long grace", replace("250ms", "3s"), []string{"c.yaml:17:16: firstPodGrace: 3s is out of range: want 0s to 2s"}},
		{"a bad instance id", replace("tcr-k2a9bbqq", "demo"), []string{`c.yaml:15:13: registries[1].instance: "demo" is not an instance id`}},
		{"a missing instance id", replace("- instance: tcr-k2a9bbqq", "- route: Public"), []string{`c.yaml:15:3: registries[1].instance: "" is not an instance id`}},
		{"a word that is not one of them", replace("EveryNamespace", "Always"), []string{`c.yaml:14:13: registries[0].delivery: "Always" is not one of OnDemand, EveryNamespace`}},
		{"two mistakes at once", strings.Replace(replace("Private\n", "Secret\n"), "kind: Config", "kind: Other", 1),
			[]string{`c.yaml:2:7: kind: is "Other", want Config`, `c.yaml:13:10: registries[0].route: "Secret" is not one of Auto, Private, Public`}},
		{"a bad host", replace("[r.example.com]", "[r.example.com:443]"), []string{`c.yaml:10:`, `registries[0].hosts.custom[0]: "r.example.com:443" is not a registry host`}},
		{"a private route without a private host", replace("private: demo-vpc.tencentcloudcr.com, ", ""), []string{"registries[0].hosts: route: Private needs hosts.private"}},
		{"a bad glob", replace(`"!kube-public"`, `"[a"`), []string{`registries[0].namespaces: "[a" is not a namespace name or glob`}},
		{"a bad selector", replace("{matchLabels: {team: blue}}", "{matchExpressions: [{key: a, operator: Near}]}"), []string{`registries[0].namespaceSelector: "Near" is not a valid label selector operator`}},
		{"no registry", "apiVersion: tcr-webhook.io/v1alpha1\nkind: Config\ntencentCloud: {region: ap-guangzhou}\n", []string{"registries: names no registry"}},
		{"plain http to a far host", replace("http://127.0.0.1:1234", "http://tcr.example.com"), []string{`tencentCloud.endpoint: "http://tcr.example.com" would send tokens in clear`}},
		{"an endpoint with a path", replace("http://127.0.0.1:1234", "https://tcr.example.com/v1"), []string{"is not the URL of an API"}},
		{"a bad region", replace("ap-guangzhou", "Guangzhou"), []string{`tencentCloud.region: "Guangzhou" is not a region`}},
		{"an owner without a group", replace("postgresql.cnpg.io/Cluster", "Cluster"), []string{`c.yaml:18:24: rewrite.skipOwners[0]: "Cluster" is not a controller such as postgresql.cnpg.io/Cluster`}},
		{"a bad word for a missing secret", replace("{name: my-pull}", "{missing: deny}"), []string{`pullSecret.missing: "deny" is not one of Warn, Deny`}},
		{"a bad secret name", replace("my-pull", "My_Pull"), []string{`pullSecret.name: "My_Pull" is not the name of a Secret`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Decode("c.yaml", []byte(tt.data))
			require.Error(t, err)
			for _, want := range tt.want {
				assert.ErrorContains(t, err, want)
			}
			for line := range strings.Lines(err.Error()) {
				assert.True(t, strings.HasPrefix(line, "c.yaml:"), "a line without its place: %q", line)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("registries: [{hosts: {public: 1}}]"))
	f.Add([]byte("registries: &a [*a]"))
	f.Add([]byte(callers))
	f.Add([]byte(fixedLogins))
	f.Add([]byte("registries: [{hosts: &h [a.example.com], name: *h}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Decode("c", data)
		if err != nil {
			return
		}
		entries, err := c.Entries()
		require.NoError(t, err, "what validates can be used")
		for _, e := range entries {
			if secret, fixed := e.Account.Secret(); fixed {
				require.NotEmpty(t, secret)
				require.NotEmpty(t, e.Hosts.Public)
				continue
			}
			require.Contains(t, c.Callers(), e.Account)
		}
		for _, w := range Lint(c) {
			require.Positive(t, w.Line)
		}
	})
}

func TestWatcher(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "config.yaml")
	write := func(s string) { require.NoError(t, os.WriteFile(name, []byte(s), 0o600)) }
	write(whole)

	synctest.Test(t, func(t *testing.T) {
		var seen []string
		w := Watcher{Name: name, Every: time.Second, Seen: []byte(whole), Changed: func(c *Config, err error) {
			if err != nil {
				seen = append(seen, "error")
				return
			}
			seen = append(seen, c.PullSecret.Name)
		}}
		go func() { assert.NoError(t, w.Start(t.Context())) }()
		tick := func() { time.Sleep(time.Second); synctest.Wait() }

		tick()
		assert.Empty(t, seen, "what is in force already is not news")
		write(strings.Replace(whole, "my-pull", "other", 1))
		tick()
		write("kind: Other")
		tick()
		tick()
		require.NoError(t, os.Remove(name))
		tick()
		tick()
		write(whole)
		tick()
		tick()
		assert.Equal(t, []string{"other", "error", "error", "my-pull"}, seen)
	})
}
