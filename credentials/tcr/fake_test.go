package tcr

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

const demo registry.ID = "tcr-m3ut3qxx"

// marker stands for a token: if it shows up anywhere but in a Secret, a real
// one would have. It passes for neither a code nor a request id.
const marker = "eyJhbGciOi_MARKER_~J9"

// fakeAPI answers with its fields, and keeps what it was asked.
type fakeAPI struct {
	token     *sdk.CreateInstanceTokenResponse
	instances *sdk.DescribeInstancesResponse
	domains   *sdk.DescribeInstanceCustomizedDomainResponse
	links     *sdk.DescribeInternalEndpointsResponse
	names     *sdk.DescribeInternalEndpointDnsStatusResponse

	tokenErr, instancesErr, domainsErr, linksErr, namesErr, makeErr error

	askedToken     *sdk.CreateInstanceTokenRequest
	askedInstances *sdk.DescribeInstancesRequest
	askedDomains   *sdk.DescribeInstanceCustomizedDomainRequest
	askedNames     *sdk.DescribeInternalEndpointDnsStatusRequest
	askedLink      *sdk.ManageInternalEndpointRequest
	askedDNS       *sdk.CreateInternalEndpointDnsRequest
}

func (f *fakeAPI) CreateInstanceTokenWithContext(_ context.Context, req *sdk.CreateInstanceTokenRequest) (*sdk.CreateInstanceTokenResponse, error) {
	f.askedToken = req
	return f.token, f.tokenErr
}

func (f *fakeAPI) DescribeInstancesWithContext(_ context.Context, req *sdk.DescribeInstancesRequest) (*sdk.DescribeInstancesResponse, error) {
	f.askedInstances = req
	return f.instances, f.instancesErr
}

func (f *fakeAPI) DescribeInstanceCustomizedDomainWithContext(_ context.Context, req *sdk.DescribeInstanceCustomizedDomainRequest) (*sdk.DescribeInstanceCustomizedDomainResponse, error) {
	f.askedDomains = req
	return f.domains, f.domainsErr
}

func (f *fakeAPI) DescribeInternalEndpointsWithContext(context.Context, *sdk.DescribeInternalEndpointsRequest) (*sdk.DescribeInternalEndpointsResponse, error) {
	return f.links, f.linksErr
}

func (f *fakeAPI) DescribeInternalEndpointDnsStatusWithContext(_ context.Context, req *sdk.DescribeInternalEndpointDnsStatusRequest) (*sdk.DescribeInternalEndpointDnsStatusResponse, error) { //nolint:revive // the SDK's spelling
	f.askedNames = req
	return f.names, f.namesErr
}

func (f *fakeAPI) ManageInternalEndpointWithContext(_ context.Context, req *sdk.ManageInternalEndpointRequest) (*sdk.ManageInternalEndpointResponse, error) {
	f.askedLink = req
	return nil, f.makeErr
}

func (f *fakeAPI) CreateInternalEndpointDnsWithContext(_ context.Context, req *sdk.CreateInternalEndpointDnsRequest) (*sdk.CreateInternalEndpointDnsResponse, error) { //nolint:revive // the SDK's spelling
	f.askedDNS = req
	return nil, f.makeErr
}

// outcomes is what Options.Observe was told.
type outcomes struct {
	mu   sync.Mutex
	list []string
}

func (o *outcomes) note(action, code string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, action+" "+code)
}

// all is what was told so far; nil if nothing.
func (o *outcomes) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.list
}

// withFake is a client that calls fake instead of the SDK.
func withFake(t *testing.T, fake *fakeAPI) (*Client, *outcomes) {
	t.Helper()
	seen := &outcomes{}
	c, err := New(Options{Region: "ap-guangzhou", Identity: static{}, Observe: seen.note})
	require.NoError(t, err)
	c.connect = func(Credentials, string) (api, error) { return fake, nil }
	return c, seen
}

// static is an identity of made-up credentials.
type static struct{}

func (static) Credentials(context.Context) (Credentials, error) {
	return Credentials{SecretID: "AKIDexample", SecretKey: "made-up-for-tests"}, nil
}

func (static) Refused(Credentials) {}

// failure is an error as the SDK makes it, its message full of secrets.
func failure(code, request string) error {
	return sdkerrors.NewTencentCloudSDKError(code, "message with "+marker, request)
}

func str(s string) *string { return common.StringPtr(s) }

func tokenAnswer(username, password *string, expires time.Time) *sdk.CreateInstanceTokenResponse {
	return &sdk.CreateInstanceTokenResponse{Response: &sdk.CreateInstanceTokenResponseParams{
		Username: username, Token: password, ExpTime: common.Int64Ptr(expires.UnixMilli()),
	}}
}
