package tcr

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
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
	identity  Identity
	region    string
	timeout   time.Duration
	observe   func(action, code string)
	transport *guard
	describes *rate.Limiter
	connect   func(Credentials) (api, error)
}

// api is the part of the SDK's client that we call.
type api interface {
	CreateInstanceTokenWithContext(context.Context, *sdk.CreateInstanceTokenRequest) (*sdk.CreateInstanceTokenResponse, error)
	DescribeInstancesWithContext(context.Context, *sdk.DescribeInstancesRequest) (*sdk.DescribeInstancesResponse, error)
	DescribeInstanceCustomizedDomainWithContext(context.Context, *sdk.DescribeInstanceCustomizedDomainRequest) (*sdk.DescribeInstanceCustomizedDomainResponse, error)
}

var _ token.Issuer = (*Client)(nil)

var regionPattern = regexp.MustCompile(`^[a-z]{2,4}-[a-z0-9-]{1,40}$`)

// New returns a client. It makes no call.
func New(opts Options) (*Client, error) {
	if !regionPattern.MatchString(opts.Region) {
		return nil, fmt.Errorf("region %q is not one of Tencent Cloud's; give one such as ap-guangzhou", opts.Region)
	}
	if opts.Identity == nil {
		return nil, errors.New("no identity to call the TCR API with")
	}
	at, err := parseEndpoint(opts.Endpoint, opts.RootDomain)
	if err != nil {
		return nil, err
	}
	c := &Client{
		identity:  opts.Identity,
		region:    opts.Region,
		timeout:   opts.Timeout,
		observe:   opts.Observe,
		transport: newGuard(),
		describes: rate.NewLimiter(describesPerSecond, describesPerSecond),
	}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	if c.observe == nil {
		c.observe = func(string, string) {}
	}
	c.connect = func(creds Credentials) (api, error) { return c.sdkClient(at, creds) }
	return c, nil
}

// sdkClient is a client of the SDK for one call. What it costs is nothing to
// the call, and credentials that change need no lock; the connections are in
// the transport, which all share.
func (c *Client) sdkClient(at endpoint, creds Credentials) (api, error) {
	p := profile.NewClientProfile() // no retries, no region breaker, no debug output
	p.Language = "en-US"
	p.HttpProfile.Scheme = at.scheme
	p.HttpProfile.Endpoint = at.host
	p.HttpProfile.RootDomain = at.rootDomain
	p.HttpProfile.ReqTimeout = 0 // the context has it
	client, err := sdk.NewClient(common.NewCredential(creds.SecretID, creds.SecretKey.Reveal()), c.region, p)
	if err != nil {
		return nil, errors.New("the SDK does not accept its settings") // its own words may quote them
	}
	client.WithHttpTransport(c.transport)
	return client, nil
}

// errPanic stands for a panic in the SDK: it has one for an answer of "null".
var errPanic = errors.New("the SDK cannot cope with the answer")

// call makes one call of action about id: signed anew, within the timeout,
// counted, and with errors of ours only.
func call[R any](ctx context.Context, c *Client, action string, id registry.ID, send func(context.Context, api) (R, error)) (R, error) {
	var none R
	creds, err := c.identity.Credentials(ctx)
	if err != nil {
		return none, err
	}
	client, err := c.connect(creds)
	if err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := recovered(func() (R, error) { return send(ctx, client) })
	if err != nil {
		c.observe(action, label(codeOf(err)))
		return none, c.explain(classify(action, id, err))
	}
	c.observe(action, "OK")
	return answer, nil
}

// recovered calls f and makes an error of its panic. The panic's own text is
// dropped, as the SDK's messages are.
func recovered[R any](f func() (R, error)) (answer R, err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return f()
}

// explain adds how far the clocks differ to an error that says they do.
func (c *Client) explain(err error) error {
	ahead := c.transport.clockAhead().Round(time.Second)
	switch {
	case !errors.Is(err, token.ErrClockSkew), ahead == 0:
		return err
	case ahead > 0:
		return fmt.Errorf("%w (it is %s ahead of the API's)", err, ahead)
	default:
		return fmt.Errorf("%w (it is %s behind the API's)", err, -ahead)
	}
}
