package credentials

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
	"github.com/tcr-webhook/tcr-webhook/credentials/tcr"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// anyState is an instance with links and records at random.
func anyState(r *rand.Rand) tencent.Instance {
	one := func(words ...string) string { return words[r.IntN(len(words))] }
	i := tencent.Instance{ID: string(demoID), Name: "demo", NullLists: r.IntN(2) == 0}
	if r.IntN(3) == 0 {
		i.Links = append(i.Links, tencent.Link{VPC: "vpc-other", IP: "10.9.0.2"})
	}
	if r.IntN(5) > 0 {
		i.Links = append(i.Links, tencent.Link{VPC: inVPC.VPC, IP: one("10.0.0.2", "10.0.0.2", "10.0.0.3"), Status: one("Running", "Running", "Running", "running", "Pending", "Failed")})
	}
	for _, public := range []bool{true, false} {
		if r.IntN(3) > 0 {
			i.DNS = append(i.DNS, tencent.DNSRecord{VPC: inVPC.VPC, IP: one("10.0.0.2", "10.0.0.2", "10.0.0.3"), Public: public, Status: one("ENABLE", "ENABLED", "ENABLED", "DISABLE", "DISABLED", "ERROR")})
		}
	}
	return i
}

// resolves tells whether one of the names leads to a link that runs.
func resolves(i tencent.Instance, public bool) bool {
	return slices.ContainsFunc(i.Links, func(l tencent.Link) bool {
		return l.VPC == inVPC.VPC && (l.Status == "Running" || l.Status == "running") && slices.ContainsFunc(i.DNS, func(d tencent.DNSRecord) bool {
			return d.VPC == l.VPC && d.IP == l.IP && d.Public == public && (d.Status == "ENABLE" || d.Status == "ENABLED")
		})
	})
}

// Whatever happens to an instance and to the API, no image is moved to a name
// that did not resolve when that was last seen.
func TestNoImageIsMovedToANameThatDoesNotResolve(t *testing.T) {
	t.Parallel()
	cloud, err := tencent.Start(t.Context(), tencent.Options{NoLimits: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, cloud.Close()) })
	dir, id := t.TempDir(), cloud.DefaultIdentity()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secretId"), []byte(id.SecretID), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secretKey"), []byte(id.SecretKey), 0o600))
	client := func() *tcr.Client { // a new one: the old one paces itself
		c, err := tcr.New(tcr.Options{Region: inVPC.Region, Endpoint: cloud.Endpoint(), Identity: tcr.Files(dir), Timeout: 5 * time.Second})
		require.NoError(t, err)
		return c
	}
	hosts := registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"}
	everyone, err := registry.SelectNamespaces(nil, nil)
	require.NoError(t, err)
	entry := registry.Entry{ID: demoID, Route: registry.RouteAuto, Hosts: hosts, Namespaces: everyone}
	faults := []string{"DescribeInternalEndpoints", "DescribeInternalEndpointDnsStatus"}

	moved := 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		routes := NewRoutes(RoutesOptions{Turn: func(bool) bool { return true }, Leading: always, Changed: func() {}})
		routes.confirm = time.Nanosecond
		routes.Set([]registry.Entry{entry}, inVPC, time.Minute)
		var seen tencent.Instance
		for range 20 {
			now := anyState(r)
			cloud.AddInstance(now)
			fails := r.IntN(4) == 0
			if fails {
				cloud.SetFault(faults[r.IntN(2)], []tencent.Fault{{Code: "InternalError"}, {NullFields: true}, {WrongTypes: true}, {Status: 502}, {Drop: true}}[r.IntN(5)])
			}
			routes.API = client()
			routes.attend(t.Context(), demoID, inVPC)
			cloud.ClearFaults()
			if state, _ := routes.State(demoID); !fails || state.Problem == (route.Problem{}) {
				seen = now
			}

			e := entry
			routes.Settle(&e)
			d, _ := registry.NewDirectory([]registry.Entry{e})
			for _, image := range []string{"demo.tencentcloudcr.com/a/b:1", "r.example.com/a/b"} {
				got := d.Decide(image, registry.Namespace{Name: "shop"})
				if got.Image == image {
					continue
				}
				moved++
				require.Equal(t, "demo-vpc.tencentcloudcr.com/a/b:1", got.Image)
				require.False(t, resolves(seen, true), "seed %d: moved while the public name works: %+v", seed, seen)
				require.True(t, resolves(seen, false), "seed %d: moved to a name that does not resolve: %+v", seed, seen)
			}
		}
	}
	assert.Greater(t, moved, 10, "nothing was tried")
}
