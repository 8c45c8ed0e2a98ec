package tencent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

func registryName(values ...string) []*sdk.Filter {
	return []*sdk.Filter{{Name: common.StringPtr("RegistryName"), Values: common.StringPtrs(values)}}
}

// instancesRequest are the parameters of a DescribeInstancesRequest.
type instancesRequest struct {
	Registryids   []*string
	Offset, Limit *int64
	Filters       []*sdk.Filter
	AllRegion     *bool
}

func TestDescribeInstances(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{}) // demo, in ap-guangzhou
	cloud.AddInstance(tencent.Instance{ID: "tcr-demo0002", Name: "demo-two", Region: region, Status: "Deploying"})
	cloud.AddInstance(tencent.Instance{ID: "tcr-prod0001", Name: "prod", Region: "ap-shanghai", Tags: map[string]string{"env": "prod"}})
	c := client(t, cloud, cloud.DefaultIdentity())
	tests := map[string]struct {
		request instancesRequest
		want    []string
		total   int64
	}{
		"none asked for: those of the region": {instancesRequest{}, []string{"demo", "demo-two"}, 2},
		"all regions":                         {instancesRequest{AllRegion: common.BoolPtr(true)}, []string{"demo", "demo-two", "prod"}, 3},
		"by id":                               {instancesRequest{Registryids: common.StringPtrs([]string{"tcr-demo0002"})}, []string{"demo-two"}, 1},
		"by an id of another region":          {instancesRequest{Registryids: common.StringPtrs([]string{"tcr-prod0001"})}, nil, 0},
		"by an id of nobody":                  {instancesRequest{Registryids: common.StringPtrs([]string{"tcr-nowhere0"})}, nil, 0},
		"by name, which is fuzzy":             {instancesRequest{Filters: registryName("demo")}, []string{"demo", "demo-two"}, 2},
		"by a part of the name":               {instancesRequest{Filters: registryName("wo")}, []string{"demo-two"}, 1},
		"by one of two names":                 {instancesRequest{Filters: registryName("two", "three")}, []string{"demo-two"}, 1},
		"by tag": {instancesRequest{AllRegion: common.BoolPtr(true), Filters: []*sdk.Filter{
			{Name: common.StringPtr("Tags"), Values: common.StringPtrs([]string{"env:prod"})}}}, []string{"prod"}, 1},
		"the second page": {instancesRequest{AllRegion: common.BoolPtr(true), Limit: common.Int64Ptr(2), Offset: common.Int64Ptr(2)}, []string{"prod"}, 3},
		"past the end":    {instancesRequest{Offset: common.Int64Ptr(9)}, nil, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := sdk.NewDescribeInstancesRequest()
			request.Registryids, request.Filters, request.AllRegion = test.request.Registryids, test.request.Filters, test.request.AllRegion
			request.Limit, request.Offset = test.request.Limit, test.request.Offset
			response, err := c.DescribeInstancesWithContext(t.Context(), request)
			require.NoError(t, err)
			var names []string
			for _, r := range response.Response.Registries {
				names = append(names, *r.RegistryName)
			}
			assert.Equal(t, test.want, names)
			assert.Equal(t, test.total, *response.Response.TotalCount)
		})
	}
}

func TestAnInstanceInFull(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	cloud.AddInstance(tencent.Instance{
		ID: "tcr-prod0001", Name: "prod", Region: "ap-shanghai", Type: "standard", Tags: map[string]string{"env": "prod"},
		Created: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Links: []tencent.Link{{VPC: "vpc-1", Subnet: "subnet-1", IP: "10.1.66.46"}},
	})
	request := sdk.NewDescribeInstancesRequest()
	request.Registryids, request.AllRegion = common.StringPtrs([]string{"tcr-prod0001"}), common.BoolPtr(true)
	response, err := client(t, cloud, cloud.DefaultIdentity()).DescribeInstancesWithContext(t.Context(), request)
	require.NoError(t, err)
	want := &sdk.Registry{
		RegistryId: common.StringPtr("tcr-prod0001"), RegistryName: common.StringPtr("prod"), RegistryType: common.StringPtr("standard"),
		Status: common.StringPtr("Running"), PublicDomain: common.StringPtr("prod.tencentcloudcr.com"),
		CreatedAt: common.StringPtr("2026-11-23T08:00:00+08:00"), RegionName: common.StringPtr("ap-shanghai"), RegionId: common.Uint64Ptr(4),
		EnableAnonymous: common.BoolPtr(false), TokenValidTime: common.Uint64Ptr(87600), InternalEndpoint: common.StringPtr("10.1.66.46"),
		TagSpecification: &sdk.TagSpecification{ResourceType: common.StringPtr("instance"),
			Tags: []*sdk.Tag{{Key: common.StringPtr("env"), Value: common.StringPtr("prod")}}},
		PayMod: common.Int64Ptr(0), RenewFlag: common.Int64Ptr(0),
	}
	assert.Empty(t, cmp.Diff(want, response.Response.Registries[0]), "-want +got")
}

func TestAPageHasAtMostAHundredInstances(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	for n := range 110 {
		cloud.AddInstance(tencent.Instance{ID: fmt.Sprintf("tcr-many%04d", n), Name: fmt.Sprintf("many-%d", n)})
	}
	c := client(t, cloud, cloud.DefaultIdentity())
	for limit, want := range map[int64]int{0: 20, 100: 100, 200: 100} {
		request := sdk.NewDescribeInstancesRequest()
		request.Limit = common.Int64Ptr(limit)
		response, err := c.DescribeInstancesWithContext(t.Context(), request)
		require.NoError(t, err)
		assert.Len(t, response.Response.Registries, want, "limit %d", limit)
		assert.EqualValues(t, 111, *response.Response.TotalCount)
	}
}

func TestListingNeedsTheRightOnEveryInstance(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	i := cloud.DefaultIdentity()
	i.Policy = &tencent.Policy{Statement: []tencent.Statement{{
		Effect: "allow", Action: []string{"tcr:Describe*"}, Resource: []string{"qcs::tcr:::instance/" + demoID},
	}}}
	cloud.AddIdentity(i)
	c := client(t, cloud, i)
	_, err := c.DescribeInstancesWithContext(t.Context(), sdk.NewDescribeInstancesRequest())
	require.ErrorContains(t, err, "instance/*")
	request := sdk.NewDescribeInstancesRequest()
	request.Registryids = common.StringPtrs([]string{demoID})
	_, err = c.DescribeInstancesWithContext(t.Context(), request)
	require.NoError(t, err)
}

func TestDescribeInstanceStatus(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	cloud.AddInstance(tencent.Instance{ID: "tcr-bucket00", Name: "bucket", Status: "Bucket-Error"})
	request := sdk.NewDescribeInstanceStatusRequest()
	request.RegistryIds = common.StringPtrs([]string{demoID, "tcr-bucket00"})
	response, err := client(t, cloud, cloud.DefaultIdentity()).DescribeInstanceStatusWithContext(t.Context(), request)
	require.NoError(t, err)
	require.Len(t, response.Response.RegistryStatusSet, 2)
	assert.Equal(t, "Running", *response.Response.RegistryStatusSet[0].Status)
	assert.Equal(t, "Bucket-Error", *response.Response.RegistryStatusSet[1].Status)
}

func TestIllFormedInstancesAreRefused(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	for says, i := range map[string]tencent.Instance{
		"instance id":       {ID: "demo", Name: "other"},
		"instance name":     {ID: "tcr-other000", Name: "Other"},
		"belongs to":        {ID: "tcr-other000", Name: "demo"},
		"no region":         {ID: "tcr-other000", Name: "other", Region: "mars-olympus"},
		"host demo-vpc.ten": {ID: "tcr-other000", Name: "other", CustomDomains: []tencent.CustomDomain{{Name: "demo-vpc.tencentcloudcr.com"}}},
	} {
		require.ErrorContains(t, cloud.PutInstance(i), says)
		assert.Panics(t, func() { cloud.AddInstance(i) })
	}
	assert.Len(t, cloud.Instances(), 1)
	assert.True(t, cloud.RemoveInstance(demoID))
	assert.False(t, cloud.RemoveInstance(demoID))
}
