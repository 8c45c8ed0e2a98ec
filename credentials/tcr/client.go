package tcr

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"
	"golang.org/x/time/rate"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// Options say where the API is and who calls it.
type Options struct {
	// Region the instances are in, such as ap-guangzhou.
	Region string
	// Endpoint is the URL of the API, for an emulator or a gateway. Plain
	// http is accepted for loopback addresses only.
	Endpoint string
	// RootDomain replaces tencentcloudapi.com, for example by
	// internal.tencentcloudapi.com. With neither this nor Endpoint, the API
	// is tcr.tencentcloudapi.com.
	RootDomain string
	// Identity signs the calls.
	Identity Identity
	// Timeout bounds one call; 10 seconds if zero.
	Timeout time.Duration
	// Observe, if set, is told the outcome of each call: the API's action
	// and "OK" or an error code from a bounded set. For a metric.
	Observe func(action, code string)
}

const (
	defaultTimeout = 10 * time.Second

	// The Describe actions allow 20 calls a second to an account, which is
	// not ours alone. package token paces the other action.
	describesPerSecond = 5
)

// Client calls the API of one region as one identity. Use New. Its methods
// may be called at the same time.
type Client struct {
	wire
	identity  Identity
	region    string
	describes *rate.Limiter
	connect   func(creds Credentials, region string) (api, error)
	homes     sync.Map // of those that are in another region: registry.ID to string
	rights    sync.Map // what the API has said of them: right to bool
}

// api is the part of the SDK's client that we call.
type api interface {
	CreateInstanceTokenWithContext(context.Context, *sdk.CreateInstanceTokenRequest) (*sdk.CreateInstanceTokenResponse, error)
	DescribeInstancesWithContext(context.Context, *sdk.DescribeInstancesRequest) (*sdk.DescribeInstancesResponse, error)
	DescribeInstanceCustomizedDomainWithContext(context.Context, *sdk.DescribeInstanceCustomizedDomainRequest) (*sdk.DescribeInstanceCustomizedDomainResponse, error)
	DescribeInternalEndpointsWithContext(context.Context, *sdk.DescribeInternalEndpointsRequest) (*sdk.DescribeInternalEndpointsResponse, error)
	DescribeInternalEndpointDnsStatusWithContext(context.Context, *sdk.DescribeInternalEndpointDnsStatusRequest) (*sdk.DescribeInternalEndpointDnsStatusResponse, error)
	ManageInternalEndpointWithContext(context.Context, *sdk.ManageInternalEndpointRequest) (*sdk.ManageInternalEndpointResponse, error)
	CreateInternalEndpointDnsWithContext(context.Context, *sdk.CreateInternalEndpointDnsRequest) (*sdk.CreateInternalEndpointDnsResponse, error)
}

var _ token.Issuer = (*Client)(nil)

var regionPattern = regexp.MustCompile(`^[a-z]{2,4}-[a-z0-9-]{1,40}$`)

// New returns a client. It makes no call.
func New(opts Options) (*Client, error) {
	if !regionPattern.MatchString(opts.Region) {
		return nil, errRegion(opts.Region)
	}
	if opts.Identity == nil {
		return nil, errors.New("no identity to call the TCR API with")
	}
	at, err := parseEndpoint(opts.Endpoint, opts.RootDomain)
	if err != nil {
		return nil, err
	}
	c := &Client{
		wire:      newWire(at, opts.Timeout, opts.Observe),
		identity:  opts.Identity,
		region:    opts.Region,
		describes: rate.NewLimiter(describesPerSecond, describesPerSecond),
	}
	c.connect = c.sdkClient
	return c, nil
}

// home is the region that calls about id go to: the client's, unless the
// instance was found in another.
func (c *Client) home(id registry.ID) string {
	if home, abroad := c.homes.Load(id); abroad {
		if region, ok := home.(string); ok {
			return region
		}
	}
	return c.region
}

func errRegion(region string) error {
	return fmt.Errorf("region %q is not one of Tencent Cloud's; give one such as ap-guangzhou", region)
}

// sdkClient is a client of the SDK for one call. What it costs is nothing to
// the call, and credentials that change need no lock; the connections are in
// the transport, which all share.
func (c *Client) sdkClient(creds Credentials, region string) (api, error) {
	client, err := sdk.NewClient(creds.sdk(), region, c.profile())
	if err != nil {
		return nil, errSettings
	}
	client.WithHttpTransport(c.transport)
	return client, nil
}

// call makes one call of action about id, signed anew. Temporary credentials
// that the API takes no longer, whatever their expiry says, are replaced, and
// the call is made once more.
func call[R any](ctx context.Context, c *Client, action string, id registry.ID, send func(context.Context, api) (R, error)) (R, error) {
	answer, creds, err := callOnce(ctx, c, action, id, send)
	if !endedSession(err, creds) {
		return answer, err
	}
	c.identity.Refused(creds)
	answer, _, err = callOnce(ctx, c, action, id, send)
	return answer, err
}

func callOnce[R any](ctx context.Context, c *Client, action string, id registry.ID, f func(context.Context, api) (R, error)) (R, Credentials, error) {
	var none R
	creds, err := c.identity.Credentials(ctx)
	if err != nil {
		return none, creds, err
	}
	client, err := c.connect(creds, c.home(id))
	if err != nil {
		return none, creds, err
	}
	read := func(code string) (string, error) { return interpret(code, action, id) }
	answer, err := send(ctx, &c.wire, action, string(id), read, func(ctx context.Context) (R, error) { return f(ctx, client) })
	c.learn(right{action, id}, err)
	return answer, creds, err
}

// endedSession tells whether a call failed for the temporary credentials that
// signed it: they have ended, or the API has forgotten them.
func endedSession(err error, creds Credentials) bool {
	var failed *apiError
	if creds.SessionToken == "" || !errors.As(err, &failed) {
		return false
	}
	return failed.code == "AuthFailure.TokenFailure" || failed.code == "AuthFailure.SecretIdNotFound"
}
