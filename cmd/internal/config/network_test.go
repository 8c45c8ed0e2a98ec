package config

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
)

const networked = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud:
  region: ap-guangzhou
  vpc: vpc-abc123
privateNetwork:
  manage: true
  subnet: subnet-abc123
  observeEvery: 30s
nodeAgent: {enabled: true}
registries:
- instance: tcr-m3ut3qxx
`

func TestNetwork(t *testing.T) {
	t.Parallel()
	c, err := Decode("c.yaml", []byte(networked))
	require.NoError(t, err)
	assert.Equal(t, route.Settings{VPC: "vpc-abc123", Region: "ap-guangzhou", NodeAgent: true, Manage: true, Subnet: "subnet-abc123"}, c.Routes())
	assert.Equal(t, 30*time.Second, time.Duration(*c.PrivateNetwork.ObserveEvery))
	assert.Empty(t, Lint(c))

	c, err = Decode("c.yaml", []byte(strings.Join(strings.Split(networked, "\n")[:5], "\n")+"\nregistries: [{instance: tcr-m3ut3qxx}]"))
	require.NoError(t, err)
	assert.Equal(t, 3*time.Minute, time.Duration(*c.PrivateNetwork.ObserveEvery))
	assert.Equal(t, route.Settings{VPC: "vpc-abc123", Region: "ap-guangzhou"}, c.Routes())
}

func TestNetworkMistakes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ old, fresh, want string }{
		"no subnet":             {"  subnet: subnet-abc123\n", "", "c.yaml:7:11: privateNetwork.manage: needs subnet"},
		"what is no subnet":     {"subnet-abc123", "vpc-abc123", `c.yaml:8:11: privateNetwork.subnet: "vpc-abc123" is not a subnet id such as subnet-abc123`},
		"too often":             {"30s", "100ms", "c.yaml:9:17: privateNetwork.observeEvery: 100ms is out of range: want 1s to 1h0m0s"},
		"too seldom":            {"30s", "2h", "c.yaml:9:17: privateNetwork.observeEvery: 2h0m0s is out of range"},
		"manage without a VPC":  {"  vpc: vpc-abc123\n", "", "c.yaml:6:11: privateNetwork.manage: needs tencentCloud.vpc"},
		"an agent without one":  {"  vpc: vpc-abc123\n", "", "c.yaml:9:22: nodeAgent.enabled: needs tencentCloud.vpc"},
		"a word that is no key": {"manage:", "managed:", `c.yaml:7: unknown key "managed"; known here: manage, subnet, observeEvery`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, networked, tc.old)
			_, err := Decode("c.yaml", []byte(strings.Replace(networked, tc.old, tc.fresh, 1)))
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestWithoutAVPCNobodyLooks(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: tcr-webhook.io/v1alpha1\nkind: Config\ntencentCloud: {region: ap-guangzhou}\nregistries:\n- {instance: tcr-m3ut3qxx, route: "
	c, err := Decode("c.yaml", []byte(head+"Auto}"))
	require.NoError(t, err)
	entries, err := c.Entries()
	require.NoError(t, err)
	assert.Equal(t, registry.RoutePublicName, entries[0].Route, "images stay as written")
	warnings := Lint(c)
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0].String(), "c.yaml:3:15: tencentCloud.vpc: is not given, so nobody looks how the VPC reaches tcr-m3ut3qxx")

	c, err = Decode("c.yaml", []byte(head+"Public}"))
	require.NoError(t, err)
	assert.Empty(t, Lint(c))
}
