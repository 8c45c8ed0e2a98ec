package tcr

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

func listed(registries ...*sdk.Registry) *sdk.DescribeInstancesResponse {
	return &sdk.DescribeInstancesResponse{Response: &sdk.DescribeInstancesResponseParams{Registries: registries}}
}

func found(id, name, domain string) *sdk.Registry {
	return &sdk.Registry{RegistryId: &id, RegistryName: &name, PublicDomain: &domain, Status: str("Running")}
}

func domains(list ...*sdk.CustomizedDomainInfo) *sdk.DescribeInstanceCustomizedDomainResponse {
	return &sdk.DescribeInstanceCustomizedDomainResponse{Response: &sdk.DescribeInstanceCustomizedDomainResponseParams{DomainInfoList: list}}
}

func domain(id, name, status string) *sdk.CustomizedDomainInfo {
	return &sdk.CustomizedDomainInfo{RegistryId: &id, DomainName: &name, Status: &status}
}

func TestDescribeFindsTheInstanceAndItsHosts(t *testing.T) {
	t.Parallel()
	fake := &fakeAPI{
		instances: listed(nil, found("tcr-m3ut3qxx5", "demo5", "demo5.tencentcloudcr.com"), found(string(demo), "demo", "demo.tencentcloudcr.com")),
		domains: domains(nil,
			domain(string(demo), "r.example.com", "success"), domain(string(demo), "A.example.com", "SUCCESS"), domain("", "b.example.com", "Success"),
			domain(string(demo), "r.example.com", "success"), domain(string(demo), "new.example.com", "CREATING"),
			domain(string(demo), "no host", "success"), domain("tcr-k2a9bbqq", "other.example.com", "success"),
			&sdk.CustomizedDomainInfo{}),
	}
	client, seen := withFake(t, fake)
	got, err := client.Describe(t.Context(), demo)
	require.NoError(t, err)
	want := Instance{ID: demo, Name: "demo", Status: "Running", Hosts: registry.Hosts{
		Public:  "demo.tencentcloudcr.com",
		Private: "demo-vpc.tencentcloudcr.com",
		Custom:  []registry.Host{"a.example.com", "b.example.com", "r.example.com"},
	}}
	assert.Empty(t, cmp.Diff(want, got), "-want +got")
	assert.Equal(t, []*string{str(string(demo))}, fake.askedInstances.Registryids)
	assert.Equal(t, string(demo), *fake.askedDomains.RegistryId)
	assert.Equal(t, []string{"DescribeInstances OK", "DescribeInstanceCustomizedDomain OK"}, seen.all())

	hosts, err := client.Hosts(t.Context(), demo)
	require.NoError(t, err)
	assert.Equal(t, want.Hosts, hosts)
}

func TestHostsOf(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		name, public string
		want         registry.Hosts
		err          string
	}{
		"an ordinary instance":            {"demo", "demo.tencentcloudcr.com", registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"}, ""},
		"no public domain yet":            {"demo", "", registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"}, ""},
		"another root":                    {"demo", "demo.tcr.example.cn", registry.Hosts{Public: "demo.tcr.example.cn", Private: "demo-vpc.tcr.example.cn"}, ""},
		"a name that ends in -vpc itself": {"demo-vpc", "demo-vpc.tencentcloudcr.com", registry.Hosts{Public: "demo-vpc.tencentcloudcr.com", Private: "demo-vpc-vpc.tencentcloudcr.com"}, ""},
		"upper case":                      {"demo", "Demo.TencentCloudCR.com", registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"}, ""},
		"no name":                         {"", "demo.tencentcloudcr.com", registry.Hosts{}, "registry name that makes no host name"},
		"neither":                         {"", "", registry.Hosts{}, "public domain that is no host name"},
		"a domain that is a URL":          {"demo", "https://demo.tencentcloudcr.com", registry.Hosts{}, "public domain that is no host name"},
		"a domain with a port":            {"demo", "demo.tencentcloudcr.com:443", registry.Hosts{}, "public domain that is no host name"},
		"a name with a path":              {"demo/" + marker, "demo.tencentcloudcr.com", registry.Hosts{}, "registry name that makes no host name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := hostsOf(tc.name, tc.public)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				assert.NotContains(t, err.Error(), "MARKER")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestAnInstanceThatIsNotListedIsNotFound(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]*sdk.DescribeInstancesResponse{
		"no instances":         listed(),
		"a longer id":          listed(found(string(demo)+"5", "demo", "demo.tencentcloudcr.com")),
		"an instance of nulls": listed(&sdk.Registry{}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, _ := withFake(t, &fakeAPI{instances: answer})
			_, err := client.Describe(t.Context(), demo)
			require.ErrorIs(t, err, token.ErrNotFound)
			assert.EqualError(t, err, "DescribeInstances for tcr-m3ut3qxx in ap-guangzhou: instance not found: check the instance id, the region and the account")
		})
	}
}

func TestEmptyAnswersAreErrors(t *testing.T) {
	t.Parallel()
	good := listed(found(string(demo), "demo", ""))
	for name, fake := range map[string]*fakeAPI{
		"no answer about instances":   {instances: nil},
		"no response about instances": {instances: &sdk.DescribeInstancesResponse{}},
		"no answer about domains":     {instances: good},
		"no response about domains":   {instances: good, domains: &sdk.DescribeInstanceCustomizedDomainResponse{}},
	} {
		client, _ := withFake(t, fake)
		_, err := client.Describe(t.Context(), demo)
		assert.ErrorContains(t, err, "the answer is empty", name)
	}
}

func TestAnInstanceIsUsableWithoutTheRightToListDomains(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"UnauthorizedOperation", "UnsupportedOperation"} {
		client, _ := withFake(t, &fakeAPI{instances: listed(found(string(demo), "demo", "")), domainsErr: failure(code, "")})
		got, err := client.Describe(t.Context(), demo)
		require.NoError(t, err)
		require.Error(t, got.CustomErr)
		assert.Equal(t, registry.Host("demo.tencentcloudcr.com"), got.Hosts.Public)

		var out bytes.Buffer
		ctx := logr.NewContext(t.Context(), logr.FromSlogHandler(slog.NewTextHandler(&out, nil)))
		hosts, err := client.Hosts(ctx, demo)
		require.NoError(t, err)
		assert.Equal(t, got.Hosts, hosts)
		assert.Contains(t, out.String(), "DescribeInstanceCustomizedDomain for tcr-m3ut3qxx")
		assert.NotContains(t, out.String(), "MARKER")
	}
}

// Otherwise a moment's trouble would take the custom domains out of every
// pull Secret.
func TestAPassingFailureToListDomainsFailsTheWhole(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"RequestLimitExceeded", "InternalError", "ClientError.NetworkError"} {
		client, _ := withFake(t, &fakeAPI{instances: listed(found(string(demo), "demo", "")), domainsErr: failure(code, "")})
		_, err := client.Hosts(t.Context(), demo)
		assert.ErrorContains(t, err, code)
	}
	client, _ := withFake(t, &fakeAPI{instancesErr: errors.New(marker)})
	_, err := client.Hosts(t.Context(), demo)
	assert.EqualError(t, err, "DescribeInstances for tcr-m3ut3qxx: the answer cannot be read")
}

func TestDescribesArePaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, seen := withFake(t, &fakeAPI{instances: listed(found(string(demo), "demo", "")), domains: domains()})
		began := time.Now()
		for range 20 {
			_, err := client.Describe(t.Context(), demo)
			require.NoError(t, err)
		}
		assert.Len(t, seen.all(), 40)
		assert.Equal(t, 7*time.Second, time.Since(began).Round(time.Millisecond), "40 calls, 5 at once and 5 a second")
	})
}
