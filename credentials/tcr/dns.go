package tcr

import (
	"context"
	"fmt"
	"strings"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
)

const (
	describeDNS = "DescribeInternalEndpointDnsStatus"
	createDNS   = "CreateInternalEndpointDns"
)

// names asks whether the public and the "-vpc" name of an instance resolve to
// the link at ip.
func (c *Client) names(ctx context.Context, id registry.ID, vpc, ip string) (public, private route.DNS, err error) {
	if err := c.describes.Wait(ctx); err != nil {
		return "", "", fmt.Errorf("wait to ask for the names of %s: %w", id, err)
	}
	req := sdk.NewDescribeInternalEndpointDnsStatusRequest()
	for _, usePublic := range []bool{true, false} {
		req.VpcSet = append(req.VpcSet, &sdk.VpcAndDomainInfo{
			InstanceId: common.StringPtr(string(id)), VpcId: common.StringPtr(vpc), EniLBIp: common.StringPtr(ip),
			UsePublicDomain: common.BoolPtr(usePublic), RegionName: common.StringPtr(c.region),
		})
	}
	answer, err := call(ctx, c, describeDNS, id, func(ctx context.Context, client api) (*sdk.DescribeInternalEndpointDnsStatusResponse, error) {
		return client.DescribeInternalEndpointDnsStatusWithContext(ctx, req)
	})
	if err != nil {
		return "", "", err
	}
	if answer == nil || answer.Response == nil {
		return "", "", fmt.Errorf("%s for %s: the answer is empty", describeDNS, id)
	}
	public, private = namesFrom(answer.Response.VpcSet, vpc)
	return public, private, nil
}

// namesFrom reads an answer, whose entries do not say which name they are
// about: they are in the order of the question. One that is not as long as the
// question tells nothing.
func namesFrom(set []*sdk.VpcPrivateDomainStatus, vpc string) (public, private route.DNS) {
	const asked = 2
	if len(set) != asked {
		return route.ResolvesMaybe, route.ResolvesMaybe
	}
	return nameState(set[0], vpc), nameState(set[1], vpc)
}

// nameState reads a status: ENABLE and DISABLE in the reference, ENABLED and
// DISABLED in its examples.
func nameState(s *sdk.VpcPrivateDomainStatus, vpc string) route.DNS {
	if s == nil || value(s.VpcId) != "" && value(s.VpcId) != vpc {
		return route.ResolvesMaybe
	}
	switch strings.ToUpper(value(s.Status)) {
	case "ENABLE", "ENABLED":
		return route.Resolves
	case "DISABLE", "DISABLED":
		return route.ResolvesNot
	}
	return route.ResolvesMaybe
}

// CreateDNS has the public name of an instance resolve within vpc to the link
// at ip, which takes a minute or two. It is route.ErrExists if it does.
func (c *Client) CreateDNS(ctx context.Context, id registry.ID, vpc, ip string) error {
	if err := c.describes.Wait(ctx); err != nil {
		return fmt.Errorf("wait to have the name of %s resolve: %w", id, err)
	}
	req := sdk.NewCreateInternalEndpointDnsRequest()
	req.InstanceId = common.StringPtr(string(id)) // what other actions call RegistryId
	req.VpcId, req.EniLBIp = common.StringPtr(vpc), common.StringPtr(ip)
	req.UsePublicDomain = common.BoolPtr(true)
	req.RegionName = common.StringPtr(c.region) // of the VPC
	_, err := call(ctx, c, createDNS, id, func(ctx context.Context, client api) (*sdk.CreateInternalEndpointDnsResponse, error) {
		return client.CreateInternalEndpointDnsWithContext(ctx, req)
	})
	return orExists(err, "InternalError.CreatePrivateZoneRecord")
}
