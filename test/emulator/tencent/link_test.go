package tencent_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

func manageLink(operation, vpc string) *sdk.ManageInternalEndpointRequest {
	request := sdk.NewManageInternalEndpointRequest()
	request.RegistryId, request.Operation = common.StringPtr(demoID), common.StringPtr(operation)
	request.VpcId, request.SubnetId = common.StringPtr(vpc), common.StringPtr("subnet-1")
	return request
}

func links(t *testing.T, c *sdk.Client) []*sdk.AccessVpc {
	t.Helper()
	request := sdk.NewDescribeInternalEndpointsRequest()
	request.RegistryId = common.StringPtr(demoID)
	response, err := c.DescribeInternalEndpointsWithContext(t.Context(), request)
	require.NoError(t, err)
	assert.EqualValues(t, len(response.Response.AccessVpcSet), *response.Response.TotalCount)
	return response.Response.AccessVpcSet
}

func TestALinkIsPendingWithoutAnAddressAndRunsLater(t *testing.T) {
	t.Parallel()
	now := newClock()
	cloud := start(t, tencent.Options{Now: now.now, LinkDelay: time.Minute})
	c := client(t, cloud, cloud.DefaultIdentity())
	require.Empty(t, links(t, c))
	_, err := c.ManageInternalEndpointWithContext(t.Context(), manageLink("Create", "vpc-1"))
	require.NoError(t, err)
	link := links(t, c)[0]
	assert.Equal(t, []string{"vpc-1", "subnet-1", "Pending", ""}, []string{*link.VpcId, *link.SubnetId, *link.Status, *link.AccessIp})
	now.advance(time.Minute)
	link = links(t, c)[0]
	assert.Equal(t, []string{"Running", "10.0.0.2"}, []string{*link.Status, *link.AccessIp})

	_, err = c.ManageInternalEndpointWithContext(t.Context(), manageLink("Create", "vpc-1"))
	require.ErrorContains(t, err, "InternalError.ErrorConflict")
	_, err = c.ManageInternalEndpointWithContext(t.Context(), manageLink("Delete", "vpc-2"))
	require.ErrorContains(t, err, "ResourceNotFound")
	_, err = c.ManageInternalEndpointWithContext(t.Context(), manageLink("Repair", "vpc-1"))
	require.ErrorContains(t, err, "InvalidParameter")
	_, err = c.ManageInternalEndpointWithContext(t.Context(), manageLink("Delete", "vpc-1"))
	require.NoError(t, err)
	assert.Empty(t, links(t, c))
}

func TestAnInstanceHasAsManyLinksAsItsTypeAllows(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	cloud.AddInstance(tencent.Instance{ID: demoID, Name: "demo", Type: "basic", Links: []tencent.Link{
		{VPC: "vpc-1"}, {VPC: "vpc-2"}, {VPC: "vpc-3"}, {VPC: "vpc-4"}, {VPC: "vpc-5"},
	}})
	c := client(t, cloud, cloud.DefaultIdentity())
	_, err := c.ManageInternalEndpointWithContext(t.Context(), manageLink("Create", "vpc-6"))
	require.ErrorContains(t, err, "InternalError.ErrorOverLimit")
}

func TestAnEmptyListIsEmptyOrNull(t *testing.T) {
	t.Parallel()
	for body, nulls := range map[string]bool{`"AccessVpcSet":[]`: false, `"AccessVpcSet":null`: true} {
		cloud := start(t, tencent.Options{})
		cloud.AddInstance(tencent.Instance{ID: demoID, Name: "demo", NullLists: nulls})
		i := cloud.DefaultIdentity()
		w := &wire{}
		require.NoError(t, send(t, cloud, w, common.NewCredential(i.SecretID, i.SecretKey), region, "2019-09-24",
			"DescribeInternalEndpoints", map[string]any{"RegistryId": demoID}))
		assert.Contains(t, string(w.body), body)
	}
}

// dnsStatus asks for the records of the public and of the -vpc name.
func dnsStatus(t *testing.T, c *sdk.Client) (public, private string) {
	t.Helper()
	request := sdk.NewDescribeInternalEndpointDnsStatusRequest()
	for _, usePublic := range []bool{true, false} {
		request.VpcSet = append(request.VpcSet, &sdk.VpcAndDomainInfo{
			InstanceId: common.StringPtr(demoID), VpcId: common.StringPtr("vpc-1"), EniLBIp: common.StringPtr("10.0.0.2"),
			UsePublicDomain: common.BoolPtr(usePublic),
		})
	}
	response, err := c.DescribeInternalEndpointDnsStatusWithContext(t.Context(), request)
	require.NoError(t, err)
	require.Len(t, response.Response.VpcSet, 2)
	assert.Equal(t, region, *response.Response.VpcSet[0].Region)
	return *response.Response.VpcSet[0].Status, *response.Response.VpcSet[1].Status
}

func TestDNSRecordsOfTheTwoNames(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	c := client(t, cloud, cloud.DefaultIdentity())
	public, private := dnsStatus(t, c)
	assert.Equal(t, []string{"DISABLED", "DISABLED"}, []string{public, private})

	create := sdk.NewCreateInternalEndpointDnsRequest()
	create.InstanceId, create.VpcId, create.EniLBIp = common.StringPtr(demoID), common.StringPtr("vpc-1"), common.StringPtr("10.0.0.2")
	_, err := c.CreateInternalEndpointDnsWithContext(t.Context(), create)
	require.NoError(t, err)
	public, private = dnsStatus(t, c)
	assert.Equal(t, []string{"DISABLED", "ENABLED"}, []string{public, private}, "the -vpc name is the default")
	_, err = c.CreateInternalEndpointDnsWithContext(t.Context(), create)
	require.ErrorContains(t, err, "InternalError.CreatePrivateZoneRecord")

	remove := sdk.NewDeleteInternalEndpointDnsRequest()
	remove.InstanceId, remove.VpcId, remove.EniLBIp = create.InstanceId, create.VpcId, create.EniLBIp
	remove.UsePublicDomain = common.BoolPtr(true)
	_, err = c.DeleteInternalEndpointDnsWithContext(t.Context(), remove)
	require.ErrorContains(t, err, "InternalError.DeletePrivateZoneRecord")
	remove.UsePublicDomain = nil
	_, err = c.DeleteInternalEndpointDnsWithContext(t.Context(), remove)
	require.NoError(t, err)
	_, private = dnsStatus(t, c)
	assert.Equal(t, "DISABLED", private)

	cloud.AddInstance(tencent.Instance{ID: demoID, Name: "demo", DNS: []tencent.DNSRecord{{VPC: "vpc-1", IP: "10.0.0.2", Public: true, Status: "ERROR"}}})
	public, _ = dnsStatus(t, c)
	assert.Equal(t, "ERROR", public)
}

func TestACustomDomainIsServedOnceItIsReady(t *testing.T) {
	t.Parallel()
	now := newClock()
	cloud := startWithImage(t, tencent.Options{Now: now.now, LinkDelay: time.Minute})
	cloud.SetTokenLifetime(24 * time.Hour)
	c := client(t, cloud, cloud.DefaultIdentity())
	got := token(t, c, "temp")

	create := sdk.NewCreateInstanceCustomizedDomainRequest()
	create.RegistryId, create.DomainName, create.CertificateId = common.StringPtr(demoID), common.StringPtr("r.example.com"), common.StringPtr("cert")
	_, err := c.CreateInstanceCustomizedDomainWithContext(t.Context(), create)
	require.NoError(t, err)
	domains := func() []*sdk.CustomizedDomainInfo {
		request := sdk.NewDescribeInstanceCustomizedDomainRequest()
		request.RegistryId = common.StringPtr(demoID)
		response, err := c.DescribeInstanceCustomizedDomainWithContext(t.Context(), request)
		require.NoError(t, err)
		return response.Response.DomainInfoList
	}
	require.Len(t, domains(), 1)
	assert.Equal(t, "CREATING", *domains()[0].Status)
	_, err = pull(t, cloud, "r.example.com/team/hello:1", *got.Username, *got.Token)
	require.ErrorContains(t, err, "does not serve it")

	now.advance(time.Minute)
	assert.Equal(t, "SUCCESS", *domains()[0].Status)
	_, err = pull(t, cloud, "r.example.com/team/hello:1", *got.Username, *got.Token)
	require.NoError(t, err)
	_, err = c.CreateInstanceCustomizedDomainWithContext(t.Context(), create)
	require.ErrorContains(t, err, "InvalidParameter", "taken")

	remove := sdk.NewDeleteInstanceCustomizedDomainRequest()
	remove.RegistryId, remove.DomainName, remove.CertificateId = create.RegistryId, create.DomainName, create.CertificateId
	_, err = c.DeleteInstanceCustomizedDomainWithContext(t.Context(), remove)
	require.NoError(t, err)
	assert.Empty(t, domains())
}
