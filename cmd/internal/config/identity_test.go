package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

const callers = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud:
  region: ap-guangzhou
  identity: PodIdentity
  assumeRole: qcs::cam::uin/100000000001:roleName/tcr-puller
  stsEndpoint: http://127.0.0.1:1234
registries:
- instance: tcr-m3ut3qxx
  namespaces: [a]
- instance: tcr-m3ut3qxx
  namespaces: [b]
  assumeRole: qcs::cam::uin/100000000001:roleName/team-b
- instance: tcr-m3ut3qxx
  namespaces: [c]
  credentials: team-c
  assumeRole: ""
- instance: tcr-m3ut3qxx
  namespaces: [d]
  identity: NodeRole
- instance: tcr-k2a9bbqq
`

func TestEachEntryHasItsCaller(t *testing.T) {
	t.Parallel()
	c, err := Decode("c.yaml", []byte(callers))
	require.NoError(t, err)
	entries, err := c.Entries()
	require.NoError(t, err)
	const puller, teamB = "qcs::cam::uin/100000000001:roleName/tcr-puller", "qcs::cam::uin/100000000001:roleName/team-b"
	want := []Caller{
		{Identity: IdentityPodIdentity, AssumeRole: puller},
		{Identity: IdentityPodIdentity, AssumeRole: teamB},
		{Identity: IdentitySecretKey, Folder: "team-c"},
		{Identity: IdentityNodeRole, AssumeRole: puller},
		{Identity: IdentityPodIdentity, AssumeRole: puller},
	}
	got := make([]Caller, 0, len(entries))
	for _, e := range entries {
		assert.Regexp(t, "^[0-9a-f]{8}$", string(e.Account))
		got = append(got, c.Callers()[e.Account])
	}
	assert.Empty(t, cmp.Diff(want, got), "-want +got")
	assert.Equal(t, entries[0].Account, entries[4].Account, "equal callers share their tokens")
	assert.Len(t, c.Callers(), 4)
}

// A fingerprint is written into Secrets: another version of the program that
// makes another one of the same caller would renew all of them at once.
func TestAFingerprintIsForEver(t *testing.T) {
	t.Parallel()
	assert.Equal(t, registry.Account("42d796fa"), Caller{Identity: IdentityAuto}.Account())
	seen := map[registry.Account]Caller{}
	for _, c := range []Caller{
		{Identity: IdentityAuto}, {Identity: IdentitySecretKey}, {Identity: IdentityNodeRole},
		{Identity: IdentityAuto, Folder: "a"}, {Identity: IdentityAuto, AssumeRole: "a"},
	} {
		assert.NotContains(t, seen, c.Account())
		seen[c.Account()] = c
	}
}

func TestMistakesOfIdentities(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ old, fresh, want string }{
		"an unknown identity":           {"identity: PodIdentity", "identity: Pod", `c.yaml:5:13: tencentCloud.identity: "Pod" is not one of Auto, SecretKey, PodIdentity, NodeRole`},
		"an entry's unknown identity":   {"identity: NodeRole", "identity: Node", `c.yaml:20:13: registries[3].identity: "Node" is not one of`},
		"a role that is no ARN":         {"roleName/tcr-puller", "user/x", `c.yaml:6:15: tencentCloud.assumeRole: "qcs::cam::uin/100000000001:user/x" is not the ARN of a role such as`},
		"an entry's role":               {"qcs::cam::uin/100000000001:roleName/team-b", "team-b", `c.yaml:13:15: registries[1].assumeRole: "team-b" is not the ARN of a role`},
		"a folder elsewhere":            {"credentials: team-c", "credentials: ../x", `c.yaml:16:16: registries[2].credentials: "../x" is not the name of a folder`},
		"a folder of the kubelet's":     {"credentials: team-c", "credentials: ..data", `registries[2].credentials: "..data" is not the name of a folder`},
		"a folder for a role":           {"credentials: team-c", "credentials: team-c\n  identity: NodeRole", `c.yaml:16:16: registries[2].credentials: is where a SecretKey is, and excludes identity: NodeRole`},
		"a folder for Auto":             {"credentials: team-c", "credentials: team-c\n  identity: Auto", `excludes identity: Auto`},
		"STS in clear text":             {"http://127.0.0.1:1234", "http://sts.example.com", `c.yaml:7:16: tencentCloud.stsEndpoint: "http://sts.example.com" would send tokens in clear`},
		"STS under a path":              {"http://127.0.0.1:1234", "https://sts.example.com/v1", `tencentCloud.stsEndpoint: "https://sts.example.com/v1" is not the URL of an API`},
		"an endpoint and a root domain": {"  stsEndpoint:", "  endpoint: https://tcr.example.com\n  rootDomain: example.com\n  stsEndpoint:", `c.yaml:8:15: tencentCloud.rootDomain: excludes endpoint`},
		"a name beside an instance":     {"- instance: tcr-k2a9bbqq", "- instance: tcr-k2a9bbqq\n  name: x", `c.yaml:22:9: registries[4].name: is for fixed logins, and excludes instance`},
		"a Secret beside an instance":   {"- instance: tcr-k2a9bbqq", "- instance: tcr-k2a9bbqq\n  credentialSecret: x", `c.yaml:22:21: registries[4].credentialSecret: is for fixed logins, and excludes instance`},
		"a list of hosts":               {"- instance: tcr-k2a9bbqq", "- instance: tcr-k2a9bbqq\n  hosts: [a.example.com]", `c.yaml:22:10: registries[4].hosts: is a list, which is the form for fixed logins`},
		"hosts of no form":              {"- instance: tcr-k2a9bbqq", "- instance: tcr-k2a9bbqq\n  hosts: 5", `c.yaml:22: hosts is neither a mapping of public, private and custom nor a list`},
		"an unknown kind of host":       {"- instance: tcr-k2a9bbqq", "- instance: tcr-k2a9bbqq\n  hosts: {pubic: a.example.com}", `c.yaml:22: unknown key "pubic"; known here: public, private, custom`},
		"a host twice":                  {"- instance: tcr-k2a9bbqq", "- instance: tcr-k2a9bbqq\n  hosts: {public: a.example.com, public: b.example.com}", `c.yaml:22: mapping key "public" already defined at line 22`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, callers, tt.old)
			_, err := Decode("c.yaml", []byte(strings.Replace(callers, tt.old, tt.fresh, 1)))
			assert.ErrorContains(t, err, tt.want)
		})
	}
}
