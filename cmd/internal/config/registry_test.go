package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

const fixedLogins = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou}
registries:
- name: personal
  hosts: [ccr.ccs.tencentyun.com, hkccr.ccs.tencentyun.com]
  credentialSecret: ccr-login
  namespaces: [shop]
  delivery: EveryNamespace
- instance: tcr-m3ut3qxx
`

func TestAFixedLoginIsAnEntry(t *testing.T) {
	t.Parallel()
	c, err := Decode("c.yaml", []byte(fixedLogins))
	require.NoError(t, err)
	entries, err := c.Entries()
	require.NoError(t, err)
	want := registry.Entry{
		ID: "personal", Account: registry.SecretAccount("ccr-login"), Route: registry.RoutePublicName, EveryNamespace: true,
		Hosts: registry.Hosts{Public: "ccr.ccs.tencentyun.com", Custom: []registry.Host{"hkccr.ccs.tencentyun.com"}},
	}
	assert.Empty(t, cmp.Diff(want, entries[0], cmpopts.IgnoreFields(registry.Entry{}, "Namespaces")), "-want +got")
	assert.True(t, entries[0].Namespaces.Match(registry.Namespace{Name: "shop"}))
	assert.False(t, entries[0].Namespaces.Match(registry.Namespace{Name: "other"}))

	assert.Equal(t, map[registry.Account]Caller{entries[1].Account: {Identity: IdentityAuto}}, c.Callers(),
		"nobody asks for a token of a fixed login")
}

func TestMistakesOfFixedLogins(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ old, fresh, want string }{
		"no name":            {"- name: personal\n  hosts", "- hosts", `c.yaml:5:3: registries[0].name: a fixed login needs a name, such as personal`},
		"a bad name":         {"personal", "My_Login", `c.yaml:5:9: registries[0].name: "My_Login" is not a name`},
		"an instance's name": {"personal", "tcr-m3ut3qxx", `registries[0].name: "tcr-m3ut3qxx" has the form of an instance id`},
		"no Secret":          {"  credentialSecret: ccr-login\n", "", `c.yaml:5:3: registries[0].credentialSecret: a fixed login needs credentialSecret`},
		"a bad Secret":       {"ccr-login", "Ccr_Login", `c.yaml:7:21: registries[0].credentialSecret: "Ccr_Login" is not the name of a Secret`},
		"the pull Secret":    {"ccr-login", "tcr-pull", `registries[0].credentialSecret: "tcr-pull" is the name of the pull Secrets`},
		"no hosts":           {"  hosts: [ccr.ccs.tencentyun.com, hkccr.ccs.tencentyun.com]\n", "", `c.yaml:5:3: registries[0].hosts: is not a list of the hosts that the login is good for`},
		"an empty list":      {"[ccr.ccs.tencentyun.com, hkccr.ccs.tencentyun.com]", "[]", `c.yaml:6:10: registries[0].hosts: is not a list`},
		"a mapping of hosts": {"[ccr.ccs.tencentyun.com, hkccr.ccs.tencentyun.com]", "{public: ccr.ccs.tencentyun.com}", `c.yaml:6:10: registries[0].hosts: is not a list`},
		"a bad host":         {"hkccr.ccs.tencentyun.com", "https://hkccr", `c.yaml:6:35: registries[0].hosts[1]: "https://hkccr" is not a registry host`},
		"a list of numbers":  {"[ccr.ccs.tencentyun.com, hkccr.ccs.tencentyun.com]", "[{a: 1}]", `c.yaml:6: cannot unmarshal !!map into string`},
		"an identity":        {"ccr-login\n", "ccr-login\n  identity: NodeRole\n", `c.yaml:8:13: registries[0].identity: is for instances; a fixed login has none`},
		"a role":             {"ccr-login\n", "ccr-login\n  assumeRole: \"\"\n", `registries[0].assumeRole: is for instances`},
		"a folder":           {"ccr-login\n", "ccr-login\n  credentials: x\n", `registries[0].credentials: is for instances`},
		"a route":            {"ccr-login\n", "ccr-login\n  route: Auto\n", `registries[0].route: is for instances`},
		"a bad delivery":     {"EveryNamespace", "Always", `registries[0].delivery: "Always" is not one of OnDemand, EveryNamespace`},
		"a bad glob":         {"[shop]", `["!shop"]`, `registries[0].namespaces: only exclusions`},
		"neither one nor other": {"- name: personal\n  hosts: [ccr.ccs.tencentyun.com, hkccr.ccs.tencentyun.com]\n  credentialSecret: ccr-login\n  namespaces", "- namespaces",
			`c.yaml:5:3: registries[0].instance: "" is not an instance id`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, fixedLogins, tt.old)
			_, err := Decode("c.yaml", []byte(strings.Replace(fixedLogins, tt.old, tt.fresh, 1)))
			assert.ErrorContains(t, err, tt.want)
		})
	}
}
