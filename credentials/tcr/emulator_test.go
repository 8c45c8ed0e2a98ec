package tcr_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/tcr"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/credentials/token/tokentest"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// The tests of this file run the real SDK against the emulator, which checks
// signatures and rights as Tencent Cloud does.

const demo registry.ID = "tcr-m3ut3qxx"

// emulated is a cloud with the instance demo.
func emulated(t *testing.T, opts tencent.Options) *tencent.Cloud {
	t.Helper()
	cloud, err := tencent.Start(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, cloud.Close()) })
	cloud.AddInstance(tencent.Instance{ID: string(demo), Name: "demo", CustomDomains: []tencent.CustomDomain{
		{Name: "r.example.com"}, {Name: "new.example.com", Status: "CREATING"},
	}})
	return cloud
}

// signed is a client that calls cloud as i, with its key in files.
func signed(t *testing.T, cloud *tencent.Cloud, i tencent.Identity) *tcr.Client {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, i)
	client, err := tcr.New(tcr.Options{Region: "ap-guangzhou", Endpoint: cloud.Endpoint(), Identity: tcr.Files(dir)})
	require.NoError(t, err)
	return client
}

func write(t *testing.T, dir string, i tencent.Identity) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secretId"), []byte(i.SecretID+"\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secretKey"), []byte(i.SecretKey+"\n"), 0o600))
}

func TestTheClientConforms(t *testing.T) {
	t.Parallel()
	cloud := emulated(t, tencent.Options{})
	client := signed(t, cloud, cloud.DefaultIdentity())
	tokentest.Conformance(t, client, registry.Key{ID: demo}, registry.Key{ID: "tcr-unknown1"})
}

func TestATokenOfTheEmulatorIsReadAsItIs(t *testing.T) {
	t.Parallel()
	cloud := emulated(t, tencent.Options{})
	client := signed(t, cloud, cloud.DefaultIdentity())
	cloud.SetTokenLifetime(20 * time.Second)
	tok, err := client.Issue(t.Context(), registry.Key{ID: demo})
	require.NoError(t, err)
	assert.Equal(t, cloud.DefaultIdentity().UIN, tok.Username)
	assert.InDelta(t, 20*time.Second, tok.Lifetime(), float64(5*time.Second))
}

func TestDescribeInstanceOfTheEmulator(t *testing.T) {
	t.Parallel()
	cloud := emulated(t, tencent.Options{})
	got, err := signed(t, cloud, cloud.DefaultIdentity()).Describe(t.Context(), demo)
	require.NoError(t, err)
	want := tcr.Instance{ID: demo, Name: "demo", Status: "Running", Region: "ap-guangzhou", Hosts: registry.Hosts{
		Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com", Custom: []registry.Host{"r.example.com"},
	}}
	assert.Empty(t, cmp.Diff(want, got), "-want +got")

	_, err = signed(t, cloud, cloud.DefaultIdentity()).Describe(t.Context(), "tcr-unknown1")
	assert.ErrorIs(t, err, token.ErrNotFound)
}

func TestMissingRightsAreNamed(t *testing.T) {
	t.Parallel()
	cloud := emulated(t, tencent.Options{})
	poor := cloud.NewIdentity()
	poor.Actions = []string{"tcr:DescribeInstances"}
	cloud.AddIdentity(poor)
	client := signed(t, cloud, poor)

	_, err := client.Issue(t.Context(), registry.Key{ID: demo})
	require.ErrorIs(t, err, token.ErrDenied)
	assert.ErrorContains(t, err, "the identity needs tcr:CreateInstanceToken on qcs::tcr:::instance/tcr-m3ut3qxx")

	instance, err := client.Describe(t.Context(), demo)
	require.NoError(t, err)
	assert.Equal(t, registry.Host("demo.tencentcloudcr.com"), instance.Hosts.Public)
	assert.ErrorContains(t, instance.CustomErr, "the identity needs tcr:DescribeInstanceCustomizedDomain on")
}

func TestAKeyChangesWithoutARestart(t *testing.T) {
	t.Parallel()
	cloud := emulated(t, tencent.Options{})
	old, dir := cloud.DefaultIdentity(), t.TempDir()
	write(t, dir, old)
	client, err := tcr.New(tcr.Options{Region: "ap-guangzhou", Endpoint: cloud.Endpoint(), Identity: tcr.Files(dir)})
	require.NoError(t, err)
	_, err = client.Issue(t.Context(), registry.Key{ID: demo})
	require.NoError(t, err)

	cloud.Revoke(old.SecretID)
	_, err = client.Issue(t.Context(), registry.Key{ID: demo})
	require.ErrorIs(t, err, token.ErrDenied)
	assert.ErrorContains(t, err, "the SecretId does not exist, or is disabled")

	renewed := cloud.NewIdentity()
	cloud.AddIdentity(renewed)
	write(t, dir, renewed)
	tok, err := client.Issue(t.Context(), registry.Key{ID: demo})
	require.NoError(t, err)
	assert.Equal(t, renewed.UIN, tok.Username)
}

func TestFaultsOfTheCloudAreClassed(t *testing.T) {
	t.Parallel()
	wrongKey := func(c *tencent.Cloud) tencent.Identity {
		i := c.DefaultIdentity()
		i.SecretKey = "not-the-key"
		return i
	}
	for name, tc := range map[string]struct {
		options  tencent.Options
		identity func(*tencent.Cloud) tencent.Identity
		fault    tencent.Fault
		id       registry.ID
		class    error
		want     string
	}{
		"a wrong key":    {identity: wrongKey, class: token.ErrDenied, want: "the SecretKey does not belong to the SecretId"},
		"clocks apart":   {options: tencent.Options{Now: inTenMinutes}, class: token.ErrClockSkew, want: "our clock is more than five minutes off"},
		"throttling":     {fault: tencent.Fault{Code: "RequestLimitExceeded"}, class: token.ErrThrottled, want: "RequestLimitExceeded"},
		"an unclear one": {options: tencent.Options{UnknownInstance: "InternalError.DbError"}, id: "tcr-unknown1", class: token.ErrUnclear, want: "check the instance id"},
		"a page":         {fault: tencent.Fault{Status: 502}, want: "ClientError."},
		"nulls":          {fault: tencent.Fault{NullFields: true}, want: "the answer lacks a username or a token"},
		"wrong types":    {fault: tencent.Fault{WrongTypes: true}, want: "ClientError.ParseJsonError"},
		"a drop":         {fault: tencent.Fault{Drop: true}, want: "the connection to the API broke"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud := emulated(t, tc.options)
			identity, id := cloud.DefaultIdentity(), demo
			if tc.identity != nil {
				identity = tc.identity(cloud)
			}
			if tc.id != "" {
				id = tc.id
			}
			if tc.fault != (tencent.Fault{}) {
				cloud.SetFault("CreateInstanceToken", tc.fault)
			}
			_, err := signed(t, cloud, identity).Issue(t.Context(), registry.Key{ID: id})
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, fmt.Sprintf("%v %#v", err, err), "eyJ", "the beginning of every token")
			if tc.class != nil {
				assert.ErrorIs(t, err, tc.class)
			}
		})
	}
}

func inTenMinutes() time.Time { return time.Now().Add(10 * time.Minute) }

// The whole path to a token: cache, client, SDK, cloud.
func TestTheCacheOverTheRealSDK(t *testing.T) {
	t.Parallel()
	cloud := emulated(t, tencent.Options{})
	cache := token.New(signed(t, cloud, cloud.DefaultIdentity()), token.Options{})
	for range 3 {
		_, err := cache.Get(t.Context(), registry.Key{ID: demo})
		require.NoError(t, err)
	}
	assert.Len(t, cloud.Calls("CreateInstanceToken"), 1)

	_, err := cache.Get(t.Context(), registry.Key{ID: "tcr-unknown1"})
	require.ErrorIs(t, err, token.ErrNotFound)
	_, again := cache.Get(t.Context(), registry.Key{ID: "tcr-unknown1"})
	assert.Equal(t, err, again)
	assert.Len(t, cloud.Calls("CreateInstanceToken"), 2)
}

func TestTheClockIsComparedWithTheAPIs(t *testing.T) {
	t.Parallel()
	cloud := emulated(t, tencent.Options{Now: inTenMinutes})
	client := signed(t, cloud, cloud.DefaultIdentity())
	_, known := client.ClockAhead()
	assert.False(t, known)
	_, err := client.Issue(t.Context(), registry.Key{ID: demo})
	require.ErrorIs(t, err, token.ErrClockSkew)
	ahead, known := client.ClockAhead()
	assert.True(t, known)
	assert.InDelta(t, -10*time.Minute, ahead, float64(5*time.Second))
}
