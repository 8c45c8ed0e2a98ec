package tencent_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// startWithImage runs a Cloud that has demoRef.
func startWithImage(t *testing.T, o tencent.Options) *tencent.Cloud {
	t.Helper()
	cloud := start(t, o)
	_, err := cloud.Push(t.Context(), demoRef)
	require.NoError(t, err)
	return cloud
}

func TestExpTimeIsInMillisecondsAndTokenIdEmptyForTemporaryTokens(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	c := client(t, cloud, cloud.DefaultIdentity())
	temporary, longTerm := token(t, c, "temp"), token(t, c, "longterm")
	assert.WithinDuration(t, time.Now().Add(time.Hour), time.UnixMilli(*temporary.ExpTime), time.Minute)
	assert.Empty(t, *temporary.TokenId)
	assert.Equal(t, cloud.DefaultIdentity().UIN, *temporary.Username)
	assert.WithinDuration(t, time.Now().Add(87600*time.Hour), time.UnixMilli(*longTerm.ExpTime), time.Minute)
	assert.NotEmpty(t, *longTerm.TokenId)
}

func TestATokenLogsInUntilItExpires(t *testing.T) {
	t.Parallel()
	c := newClock()
	cloud := startWithImage(t, tencent.Options{Now: c.now})
	cloud.SetTokenLifetime(20 * time.Second)
	got := token(t, client(t, cloud, cloud.DefaultIdentity()), "temp")
	c.advance(18 * time.Second)
	_, err := pull(t, cloud, demoRef, *got.Username, *got.Token)
	require.NoError(t, err)
	c.advance(2 * time.Second)
	_, err = pull(t, cloud, demoRef, *got.Username, *got.Token)
	require.ErrorContains(t, err, "UNAUTHORIZED")
}

func TestLongTermTokensAreListedDisabledAndDeleted(t *testing.T) {
	t.Parallel()
	cloud := startWithImage(t, tencent.Options{})
	c := client(t, cloud, cloud.DefaultIdentity())
	temporary, got := token(t, c, "temp"), token(t, c, "longterm")
	works := func(token *sdk.CreateInstanceTokenResponseParams) bool {
		_, err := pull(t, cloud, demoRef, *token.Username, *token.Token)
		return err == nil
	}
	require.True(t, works(got))

	modify := sdk.NewModifyInstanceTokenRequest()
	modify.RegistryId, modify.TokenId, modify.Enable = common.StringPtr(demoID), got.TokenId, common.BoolPtr(false)
	_, err := c.ModifyInstanceTokenWithContext(t.Context(), modify)
	require.NoError(t, err)
	assert.False(t, works(got), "disabled")
	modify = sdk.NewModifyInstanceTokenRequest()
	modify.RegistryId, modify.TokenId = common.StringPtr(demoID), got.TokenId
	modify.ModifyFlag, modify.Desc = common.Int64Ptr(1), common.StringPtr("for a test")
	_, err = c.ModifyInstanceTokenWithContext(t.Context(), modify)
	require.NoError(t, err)

	describe := sdk.NewDescribeInstanceTokenRequest()
	describe.RegistryId = common.StringPtr(demoID)
	list, err := c.DescribeInstanceTokenWithContext(t.Context(), describe)
	require.NoError(t, err)
	require.EqualValues(t, 1, *list.Response.TotalCount, "temporary tokens are not listed")
	listed := list.Response.Tokens[0]
	assert.Equal(t, *got.TokenId, *listed.Id)
	assert.Equal(t, "for a test", *listed.Desc)
	assert.False(t, *listed.Enabled)
	assert.Equal(t, *got.ExpTime, *listed.ExpiredAt)

	modify = sdk.NewModifyInstanceTokenRequest()
	modify.RegistryId, modify.TokenId, modify.Enable = common.StringPtr(demoID), got.TokenId, common.BoolPtr(true)
	_, err = c.ModifyInstanceTokenWithContext(t.Context(), modify)
	require.NoError(t, err)
	require.True(t, works(got), "enabled again")

	remove := sdk.NewDeleteInstanceTokenRequest()
	remove.RegistryId, remove.TokenId = common.StringPtr(demoID), got.TokenId
	_, err = c.DeleteInstanceTokenWithContext(t.Context(), remove)
	require.NoError(t, err)
	assert.False(t, works(got), "deleted")
	assert.True(t, works(temporary), "a temporary token cannot be taken back")
	_, err = c.DeleteInstanceTokenWithContext(t.Context(), remove)
	require.ErrorContains(t, err, "InvalidParameter")
}

func TestARevokedIdentityTakesItsTokensAlong(t *testing.T) {
	t.Parallel()
	cloud := startWithImage(t, tencent.Options{})
	got := token(t, client(t, cloud, cloud.DefaultIdentity()), "temp")
	assert.True(t, cloud.Revoke(cloud.DefaultIdentity().SecretID))
	_, err := pull(t, cloud, demoRef, *got.Username, *got.Token)
	require.ErrorContains(t, err, "UNAUTHORIZED")
	assert.True(t, cloud.Restore(cloud.DefaultIdentity().SecretID))
	_, err = pull(t, cloud, demoRef, *got.Username, *got.Token)
	require.NoError(t, err)
	assert.False(t, cloud.Revoke("AKIDnobody"))
}

func TestATokenOfOneInstancePullsFromAnother(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	cloud.AddInstance(tencent.Instance{ID: "tcr-another0", Name: "another"})
	_, err := cloud.Push(t.Context(), "another.tencentcloudcr.com/team/hello:1")
	require.NoError(t, err)
	got := token(t, client(t, cloud, cloud.DefaultIdentity()), "temp")
	_, err = pull(t, cloud, "another.tencentcloudcr.com/team/hello:1", *got.Username, *got.Token)
	require.NoError(t, err, "a token's claims name no instance")
	_, err = pull(t, cloud, demoRef, *got.Username, *got.Token)
	require.Error(t, err, "but each instance has images of its own")
}

// TestWithoutTheRightToPull follows containerd's way to its message
// "insufficient_scope: authorization failed".
func TestWithoutTheRightToPull(t *testing.T) {
	t.Parallel()
	cloud := startWithImage(t, tencent.Options{})
	allow("tcr:CreateInstanceToken")(cloud)
	got := token(t, client(t, cloud, cloud.DefaultIdentity()), "temp")
	_, err := pull(t, cloud, demoRef, *got.Username, *got.Token)
	require.ErrorContains(t, err, "UNAUTHORIZED")
	challenge := manifestChallenge(t, cloud, *got.Username, *got.Token)
	assert.Contains(t, challenge, `scope="repository:team/hello:pull",error="insufficient_scope"`)

	allow("tcr:CreateInstanceToken", "tcr:PullRepository")(cloud)
	_, err = pull(t, cloud, demoRef, *got.Username, *got.Token)
	require.NoError(t, err, "the right is looked at when pulling")
}

// manifestChallenge asks for the manifest with whatever the token service
// grants, and returns the challenge of the refusal.
func manifestChallenge(t *testing.T, cloud *tencent.Cloud, user, password string) string {
	t.Helper()
	registry, err := name.NewRegistry("demo.tencentcloudcr.com")
	require.NoError(t, err)
	challenge, err := transport.Ping(t.Context(), registry, cloud.Transport())
	require.NoError(t, err)
	granted, err := transport.Exchange(t.Context(), registry, &authn.Basic{Username: user, Password: password},
		cloud.Transport(), []string{"repository:team/hello:pull"}, challenge)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://demo.tencentcloudcr.com/v2/team/hello/manifests/1", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+granted.Token)
	response, err := cloud.Transport().RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	return response.Header.Get("WWW-Authenticate")
}

func TestAUserPushesWhereTheNamespaceExists(t *testing.T) {
	t.Parallel()
	cloud := startWithImage(t, tencent.Options{})
	got := token(t, client(t, cloud, cloud.DefaultIdentity()), "temp")
	push := func(ref string) error {
		parsed, err := name.ParseReference(ref)
		require.NoError(t, err)
		return remote.Write(parsed, empty.Image, remote.WithContext(t.Context()), remote.WithTransport(cloud.Transport()),
			remote.WithAuth(&authn.Basic{Username: *got.Username, Password: *got.Token}))
	}
	require.NoError(t, push("demo-vpc.tencentcloudcr.com/team/new:1"))
	require.ErrorContains(t, push("demo.tencentcloudcr.com/nobody/new:1"), "401 Unauthorized")
	deny("tcr:PushRepository")(cloud)
	require.ErrorContains(t, push("demo.tencentcloudcr.com/team/newer:1"), "UNAUTHORIZED")
}

func TestIdentitiesHaveRightsOfTheirOwn(t *testing.T) {
	t.Parallel()
	cloud := startWithImage(t, tencent.Options{})
	second := cloud.NewIdentity()
	second.Denied = []string{"tcr:PullRepository"}
	cloud.AddIdentity(second)
	assert.Len(t, cloud.Identities(), 2)
	for _, i := range []tencent.Identity{cloud.DefaultIdentity(), second} {
		got := token(t, client(t, cloud, i), "temp")
		assert.Equal(t, i.UIN, *got.Username)
		_, err := pull(t, cloud, demoRef, *got.Username, *got.Token)
		assert.Equal(t, i.UIN == second.UIN, err != nil)
	}
	_, password, err := cloud.PullToken(cloud.DefaultIdentity())
	require.NoError(t, err)
	_, err = pull(t, cloud, demoRef, second.UIN, password)
	require.ErrorContains(t, err, "UNAUTHORIZED", "another's token")
}
