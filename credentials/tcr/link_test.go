package tcr

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"

	"github.com/tcr-webhook/tcr-webhook/credentials/route"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

const vpc = "vpc-abc123"

func linked(list ...*sdk.AccessVpc) *sdk.DescribeInternalEndpointsResponse {
	return &sdk.DescribeInternalEndpointsResponse{Response: &sdk.DescribeInternalEndpointsResponseParams{AccessVpcSet: list}}
}

func link(vpc, status, ip string) *sdk.AccessVpc {
	return &sdk.AccessVpc{VpcId: &vpc, Status: &status, AccessIp: &ip}
}

func resolving(statuses ...string) *sdk.DescribeInternalEndpointDnsStatusResponse {
	r := &sdk.DescribeInternalEndpointDnsStatusResponse{Response: &sdk.DescribeInternalEndpointDnsStatusResponseParams{}}
	for _, s := range statuses {
		r.Response.VpcSet = append(r.Response.VpcSet, &sdk.VpcPrivateDomainStatus{VpcId: str(vpc), Status: &s})
	}
	return r
}

func TestLinkFrom(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		list []*sdk.AccessVpc
		want route.Observation
	}{
		"null":                          {nil, route.Observation{Link: route.LinkAbsent}},
		"nulls in it":                   {[]*sdk.AccessVpc{nil, {}}, route.Observation{Link: route.LinkAbsent, Elsewhere: true}},
		"another VPC":                   {[]*sdk.AccessVpc{link("vpc-abc1234", "Running", "10.0.0.2")}, route.Observation{Link: route.LinkAbsent, Elsewhere: true}},
		"it runs":                       {[]*sdk.AccessVpc{link(vpc, "Running", "10.0.0.2")}, route.Observation{Link: route.LinkRunning, IP: "10.0.0.2"}},
		"it runs, spelled otherwise":    {[]*sdk.AccessVpc{link(vpc, "RUNNING", "10.0.0.2")}, route.Observation{Link: route.LinkRunning, IP: "10.0.0.2"}},
		"it runs without an address":    {[]*sdk.AccessVpc{link(vpc, "Running", "")}, route.Observation{Link: route.LinkPending}},
		"it is being made":              {[]*sdk.AccessVpc{link(vpc, "pending", "")}, route.Observation{Link: route.LinkPending}},
		"a null status":                 {[]*sdk.AccessVpc{{VpcId: str(vpc)}}, route.Observation{Link: route.LinkPending}},
		"it failed":                     {[]*sdk.AccessVpc{link(vpc, "Failed", "10.0.0.2")}, route.Observation{Link: route.LinkBroken}},
		"two subnets, of which one run": {[]*sdk.AccessVpc{link(vpc, "Pending", ""), link("vpc-x", "Running", "10.9.0.2"), link(vpc, "Running", "10.0.0.3")}, route.Observation{Link: route.LinkRunning, IP: "10.0.0.3", Elsewhere: true}},
		"what is no address":            {[]*sdk.AccessVpc{link(vpc, "Running", marker)}, route.Observation{Link: route.LinkPending}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Empty(t, cmp.Diff(tc.want, linkFrom(tc.list, vpc)), "-want +got")
		})
	}
}

func TestNamesFrom(t *testing.T) {
	t.Parallel()
	other := resolving("ENABLED", "ENABLED").Response.VpcSet
	other[0].VpcId = str("vpc-other")
	for name, tc := range map[string]struct {
		set             []*sdk.VpcPrivateDomainStatus
		public, private route.DNS
	}{
		"as in the reference":      {resolving("ENABLE", "DISABLE").Response.VpcSet, route.Resolves, route.ResolvesNot},
		"as in its examples":       {resolving("DISABLED", "ENABLED").Response.VpcSet, route.ResolvesNot, route.Resolves},
		"in another case":          {resolving("enabled", "Disabled").Response.VpcSet, route.Resolves, route.ResolvesNot},
		"an error":                 {resolving("ERROR", "ENABLED").Response.VpcSet, route.ResolvesMaybe, route.Resolves},
		"null":                     {nil, route.ResolvesMaybe, route.ResolvesMaybe},
		"nulls":                    {[]*sdk.VpcPrivateDomainStatus{nil, {}}, route.ResolvesMaybe, route.ResolvesMaybe},
		"one of two":               {resolving("ENABLED").Response.VpcSet, route.ResolvesMaybe, route.ResolvesMaybe},
		"three of two":             {resolving("ENABLED", "ENABLED", "ENABLED").Response.VpcSet, route.ResolvesMaybe, route.ResolvesMaybe},
		"of another VPC":           {other, route.ResolvesMaybe, route.Resolves},
		"what nobody has heard of": {resolving(marker, "").Response.VpcSet, route.ResolvesMaybe, route.ResolvesMaybe},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			public, private := namesFrom(tc.set, vpc)
			assert.Equal(t, []route.DNS{tc.public, tc.private}, []route.DNS{public, private})
		})
	}
}

func TestObserveAsksForNamesOfALinkThatRuns(t *testing.T) {
	t.Parallel()
	fake := &fakeAPI{links: linked(link(vpc, "Running", "10.0.0.2")), names: resolving("DISABLED", "ENABLED")}
	client, seen := withFake(t, fake)
	got, err := client.Observe(t.Context(), demo, vpc)
	require.NoError(t, err)
	assert.Equal(t, route.Observation{Link: route.LinkRunning, IP: "10.0.0.2", Public: route.ResolvesNot, Private: route.Resolves}, got)
	assert.Equal(t, []string{"DescribeInternalEndpoints OK", "DescribeInternalEndpointDnsStatus OK"}, seen.all())
	require.Len(t, fake.askedNames.VpcSet, 2)
	assert.True(t, *fake.askedNames.VpcSet[0].UsePublicDomain)
	assert.False(t, *fake.askedNames.VpcSet[1].UsePublicDomain)
	assert.Equal(t, "ap-guangzhou", *fake.askedNames.VpcSet[0].RegionName)

	client, seen = withFake(t, &fakeAPI{links: linked()})
	_, err = client.Observe(t.Context(), demo, vpc)
	require.NoError(t, err)
	assert.Equal(t, []string{"DescribeInternalEndpoints OK"}, seen.all())
}

func TestObserveFailsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	up := linked(link(vpc, "Running", "10.0.0.2"))
	for name, fake := range map[string]*fakeAPI{
		"the answer is empty":                      {},
		"status for tcr-m3ut3qxx: the answer is e": {links: up},
		"tcr:DescribeInternalEndpoints on":         {linksErr: failure("UnauthorizedOperation", "r-1")},
		"tcr:DescribeInternalEndpointDnsStatus on": {links: up, namesErr: failure("UnauthorizedOperation", "r-1")},
	} {
		client, _ := withFake(t, fake)
		_, err := client.Observe(t.Context(), demo, vpc)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "MARKER")
		if fake.linksErr != nil || fake.namesErr != nil {
			require.ErrorIs(t, err, token.ErrDenied)
			assert.ErrorContains(t, err, name)
		}
	}
}

func TestMakingWhatIsThereIsSaid(t *testing.T) {
	t.Parallel()
	fake := &fakeAPI{makeErr: failure("InternalError.ErrorConflict", "r-1")}
	client, _ := withFake(t, fake)
	require.ErrorIs(t, client.CreateLink(t.Context(), demo, vpc, "subnet-1"), route.ErrExists)
	assert.Equal(t, []string{"Create", vpc, "subnet-1"}, []string{*fake.askedLink.Operation, *fake.askedLink.VpcId, *fake.askedLink.SubnetId})
	assert.Nil(t, fake.askedLink.RegionName)
	fake.makeErr = failure("InternalError.CreatePrivateZoneRecord", "r-1")
	require.ErrorIs(t, client.CreateDNS(t.Context(), demo, vpc, "10.0.0.2"), route.ErrExists)
	assert.True(t, *fake.askedDNS.UsePublicDomain)
	fake.makeErr = failure("InternalError", "r-1")
	err := client.CreateLink(t.Context(), demo, vpc, "subnet-1")
	require.Error(t, err)
	require.NotErrorIs(t, err, route.ErrExists)
	fake.makeErr = nil
	require.NoError(t, client.CreateLink(t.Context(), demo, vpc, "subnet-1"))
	require.NoError(t, client.CreateDNS(t.Context(), demo, vpc, "10.0.0.2"))
}
