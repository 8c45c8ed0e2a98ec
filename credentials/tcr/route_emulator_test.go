package tcr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

func TestALinkIsMadeAndObserved(t *testing.T) {
	t.Parallel()
	cloud := emulated(t, tencent.Options{LinkDelay: time.Millisecond})
	client := signed(t, cloud, cloud.DefaultIdentity())
	look := func() route.Observation {
		seen, err := client.Observe(t.Context(), demo, "vpc-1")
		require.NoError(t, err)
		return seen
	}
	assert.Equal(t, route.Observation{Link: route.LinkAbsent}, look())
	require.NoError(t, client.CreateLink(t.Context(), demo, "vpc-1", "subnet-1"))
	require.ErrorIs(t, client.CreateLink(t.Context(), demo, "vpc-1", "subnet-1"), route.ErrExists)
	require.Eventually(t, func() bool { return look().Link == route.LinkRunning }, 10*time.Second, 10*time.Millisecond)
	seen := look()
	assert.Equal(t, route.CreateDNS, seen.Missing())
	require.NoError(t, client.CreateDNS(t.Context(), demo, "vpc-1", seen.IP))
	require.ErrorIs(t, client.CreateDNS(t.Context(), demo, "vpc-1", seen.IP), route.ErrExists)
	assert.Equal(t, route.Observation{Link: route.LinkRunning, IP: seen.IP, Public: route.Resolves, Private: route.ResolvesNot}, look())
	elsewhere, err := client.Observe(t.Context(), demo, "vpc-2")
	require.NoError(t, err)
	assert.Equal(t, route.Observation{Link: route.LinkAbsent, Elsewhere: true}, elsewhere)
}

// A replica of an instance has its links in its own region, and all else is
// asked of the instance's.
func TestAnInstanceOfAnotherRegion(t *testing.T) {
	t.Parallel()
	const id registry.ID = "tcr-abroad01"
	cloud := emulated(t, tencent.Options{})
	put := func(i tencent.Instance) {
		i.ID, i.Name, i.Region = string(id), "abroad", "ap-shanghai"
		cloud.AddInstance(i)
	}
	put(tencent.Instance{NullLists: true})
	client := signed(t, cloud, cloud.DefaultIdentity())
	found, err := client.Describe(t.Context(), id)
	require.NoError(t, err)
	assert.Equal(t, "ap-shanghai", found.Region)
	seen, err := client.Observe(t.Context(), id, "vpc-1")
	require.NoError(t, err)
	assert.Equal(t, route.Observation{Link: route.LinkAbsent, Home: "ap-shanghai"}, seen)
	_, err = client.Issue(t.Context(), registry.Key{ID: id})
	require.NoError(t, err)
	for _, action := range []string{"DescribeInternalEndpoints", "CreateInstanceToken"} {
		assert.Equal(t, "ap-shanghai", cloud.Calls(action)[0].Region, action)
	}

	put(tencent.Instance{
		Links: []tencent.Link{{VPC: "vpc-1", IP: "10.0.0.9"}},
		DNS:   []tencent.DNSRecord{{VPC: "vpc-1", IP: "10.0.0.9", Public: true}, {VPC: "vpc-1", IP: "10.0.0.9", Region: "ap-guangzhou", Status: "ENABLE"}},
	})
	seen, err = client.Observe(t.Context(), id, "vpc-1")
	require.NoError(t, err)
	assert.Equal(t, route.Observation{
		Link: route.LinkRunning, IP: "10.0.0.9", Home: "ap-shanghai", Public: route.ResolvesNot, Private: route.Resolves,
	}, seen, "the record of the other region is not this VPC's")
	require.NoError(t, client.CreateLink(t.Context(), id, "vpc-2", "subnet-1"))
	made := cloud.Calls("ManageInternalEndpoint")[0]
	assert.Equal(t, "ap-guangzhou", made.Params["RegionName"])
	assert.Equal(t, "ap-shanghai", made.Region)
}
