package tcr

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
)

const (
	describeLinks = "DescribeInternalEndpoints"
	manageLink    = "ManageInternalEndpoint"
)

// Observe looks how an instance is reached from vpc, in one call about its link
// and, if that runs, one about its names. The VPC is in the client's region.
func (c *Client) Observe(ctx context.Context, id registry.ID, vpc string) (route.Observation, error) {
	seen, err := c.link(ctx, id, vpc)
	if err != nil {
		return route.Observation{}, err
	}
	if home := c.home(id); home != c.region {
		seen.Home = home
	}
	if seen.Link != route.LinkRunning {
		return seen, nil
	}
	seen.Public, seen.Private, err = c.names(ctx, id, vpc, seen.IP)
	return seen, err
}

func (c *Client) link(ctx context.Context, id registry.ID, vpc string) (route.Observation, error) {
	if err := c.describes.Wait(ctx); err != nil {
		return route.Observation{}, fmt.Errorf("wait to list the links of %s: %w", id, err)
	}
	req := sdk.NewDescribeInternalEndpointsRequest()
	req.RegistryId = common.StringPtr(string(id))
	answer, err := call(ctx, c, describeLinks, id, func(ctx context.Context, client api) (*sdk.DescribeInternalEndpointsResponse, error) {
		return client.DescribeInternalEndpointsWithContext(ctx, req)
	})
	if err != nil {
		return route.Observation{}, err
	}
	if answer == nil || answer.Response == nil {
		return route.Observation{}, fmt.Errorf("%s for %s: the answer is empty", describeLinks, id)
	}
	return linkFrom(answer.Response.AccessVpcSet, vpc), nil
}

// linkFrom finds the link of vpc in a list, which is null for an empty one.
func linkFrom(list []*sdk.AccessVpc, vpc string) route.Observation {
	seen := route.Observation{Link: route.LinkAbsent}
	for _, l := range list {
		switch {
		case l == nil:
		case value(l.VpcId) != vpc:
			seen.Elsewhere = true
		case seen.Link == route.LinkAbsent || seen.Link != route.LinkRunning && linkState(l) == route.LinkRunning:
			seen.Link = linkState(l) // of several subnets the one that runs
			if seen.Link == route.LinkRunning {
				seen.IP = value(l.AccessIp)
			}
		}
	}
	return seen
}

// linkState reads a status, of which the reference has but Running. A link has
// no address before it runs, which takes a minute or two.
func linkState(l *sdk.AccessVpc) route.Link {
	_, err := netip.ParseAddr(value(l.AccessIp))
	switch status := strings.ToLower(value(l.Status)); {
	case status == "running" && err == nil:
		return route.LinkRunning
	case slices.Contains([]string{"", "running", "pending", "creating", "deploying"}, status):
		return route.LinkPending
	}
	return route.LinkBroken
}

// CreateLink asks for a link from a subnet of vpc, which takes a minute or two
// to run. It is route.ErrExists if there is one.
func (c *Client) CreateLink(ctx context.Context, id registry.ID, vpc, subnet string) error {
	if err := c.describes.Wait(ctx); err != nil {
		return fmt.Errorf("wait to link %s: %w", id, err)
	}
	req := sdk.NewManageInternalEndpointRequest()
	req.RegistryId = common.StringPtr(string(id))
	req.Operation = common.StringPtr("Create")
	req.VpcId, req.SubnetId = common.StringPtr(vpc), common.StringPtr(subnet)
	if c.home(id) != c.region {
		req.RegionName = common.StringPtr(c.region) // of the replica
	}
	_, err := call(ctx, c, manageLink, id, func(ctx context.Context, client api) (*sdk.ManageInternalEndpointResponse, error) {
		return client.ManageInternalEndpointWithContext(ctx, req)
	})
	return orExists(err, "InternalError.ErrorConflict")
}

// orExists is err, or route.ErrExists if the API answered one of codes.
func orExists(err error, codes ...string) error {
	var failed *apiError
	if errors.As(err, &failed) && slices.Contains(codes, failed.code) {
		return fmt.Errorf("%w: %w", route.ErrExists, err)
	}
	return err
}
