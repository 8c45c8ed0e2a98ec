package tencent_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	sts "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sts/v20180813"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// stsClient speaks TLS to the emulator, under the name of the real service if
// endpoint is empty.
func stsClient(t *testing.T, cloud *tencent.Cloud, credential common.CredentialIface, endpoint string) *sts.Client {
	t.Helper()
	p := profile.NewClientProfile()
	p.HttpProfile.Endpoint = endpoint
	c, err := sts.NewClient(credential, region, p)
	require.NoError(t, err)
	c.WithHttpTransport(cloud.Transport())
	return c
}

func assumeRole(arn string, seconds uint64) *sts.AssumeRoleRequest {
	request := sts.NewAssumeRoleRequest()
	request.RoleArn, request.RoleSessionName = common.StringPtr(arn), common.StringPtr("test")
	request.DurationSeconds = common.Uint64Ptr(seconds)
	return request
}

func TestGetCallerIdentity(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	i := cloud.DefaultIdentity()
	for _, endpoint := range []string{cloud.STSEndpoint(), "", "sts.internal.tencentcloudapi.com", "sts.ap-shanghai.tencentcloudapi.com"} {
		response, err := stsClient(t, cloud, common.NewCredential(i.SecretID, i.SecretKey), endpoint).
			GetCallerIdentityWithContext(t.Context(), sts.NewGetCallerIdentityRequest())
		require.NoError(t, err, endpoint)
		assert.Equal(t, i.UIN, *response.Response.UserId)
		assert.Equal(t, i.OwnerUIN, *response.Response.AccountId)
		assert.Equal(t, "CAMUser", *response.Response.Type)
	}
}

func TestARolesCredentialsCallTCRUntilTheyExpire(t *testing.T) {
	t.Parallel()
	now := newClock()
	cloud := startWithImage(t, tencent.Options{Now: now.now})
	role := cloud.AddRole(tencent.Role{Name: "tcr-puller"})
	i := cloud.DefaultIdentity()
	c := stsClient(t, cloud, common.NewCredential(i.SecretID, i.SecretKey), "")
	response, err := c.AssumeRoleWithContext(t.Context(), assumeRole(role.ARN(), 60))
	require.NoError(t, err)
	got := response.Response
	assert.WithinDuration(t, time.Now().Add(time.Minute), time.Unix(*got.ExpiredTime, 0), 30*time.Second)
	expiration, err := time.Parse(time.RFC3339, *got.Expiration)
	require.NoError(t, err)
	assert.Equal(t, *got.ExpiredTime, expiration.Unix())

	credential := common.NewTokenCredential(*got.Credentials.TmpSecretId, *got.Credentials.TmpSecretKey, *got.Credentials.Token)
	tcr := clientWith(t, cloud, credential, region)
	pullToken := token(t, tcr, "temp")
	assert.Equal(t, role.UIN, *pullToken.Username)
	_, err = pull(t, cloud, demoRef, *pullToken.Username, *pullToken.Token)
	require.NoError(t, err)
	caller, err := stsClient(t, cloud, credential, "").GetCallerIdentityWithContext(t.Context(), sts.NewGetCallerIdentityRequest())
	require.NoError(t, err)
	assert.Equal(t, "CAMRole", *caller.Response.Type)
	assert.Regexp(t, `^\d+:test$`, *caller.Response.UserId)
	assert.Equal(t, i.UIN, *caller.Response.PrincipalId)
	next := cloud.AddRole(tencent.Role{Name: "next", UINs: []string{role.UIN}})
	_, err = stsClient(t, cloud, credential, "").AssumeRoleWithContext(t.Context(), assumeRole(next.ARN(), 60))
	require.NoError(t, err, "a role that is trusted assumes another")

	stolen := common.NewTokenCredential(*got.Credentials.TmpSecretId, *got.Credentials.TmpSecretKey, "wrong")
	_, err = clientWith(t, cloud, stolen, region).CreateInstanceTokenWithContext(t.Context(), tokenRequest())
	require.ErrorContains(t, err, "AuthFailure.TokenFailure")
	now.advance(time.Minute)
	_, err = tcr.CreateInstanceTokenWithContext(t.Context(), tokenRequest())
	require.ErrorContains(t, err, "AuthFailure.TokenFailure")
}

func TestAssumeRoleRefuses(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	i := cloud.DefaultIdentity()
	mine := cloud.AddRole(tencent.Role{Name: "mine"}).ARN()
	theirs := cloud.AddRole(tencent.Role{Name: "theirs", UINs: []string{"100000000009"}}).ARN()
	c := stsClient(t, cloud, common.NewCredential(i.SecretID, i.SecretKey), "")
	for code, request := range map[string]*sts.AssumeRoleRequest{
		"ResourceNotFound.RoleNotFound":  assumeRole(mine+"x", 60),
		"UnauthorizedOperation":          assumeRole(theirs, 60),
		"InvalidParameter.OverTimeError": assumeRole(mine, 43201),
		"MissingParameter":               assumeRole("", 60),
	} {
		_, err := c.AssumeRoleWithContext(t.Context(), request)
		require.ErrorContains(t, err, code)
	}
}

// webIdentity is a token as a cluster signs it for a ServiceAccount.
func webIdentity(t *testing.T, audience string, expires time.Time) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	require.NoError(t, err)
	raw, err := jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: "https://kubernetes.default.svc", Subject: "system:serviceaccount:tcr-webhook:tcr-webhook",
		Audience: jwt.Audience{audience}, Expiry: jwt.NewNumericDate(expires),
	}).Serialize()
	require.NoError(t, err)
	return raw
}

func TestAssumeRoleWithWebIdentity(t *testing.T) {
	t.Parallel()
	cloud := startWithImage(t, tencent.Options{})
	role := cloud.AddRole(tencent.Role{Name: "pods", Providers: []string{"cls-abcd1234"}})
	good := webIdentity(t, "sts.cloud.tencent.com", time.Now().Add(time.Hour))
	tests := map[string]struct{ provider, token, arn, code string }{
		"a good token":     {"cls-abcd1234", good, role.ARN(), ""},
		"another provider": {"cls-other000", good, role.ARN(), "UnauthorizedOperation"},
		"another role":     {"cls-abcd1234", good, role.ARN() + "x", "ResourceNotFound.RoleNotFound"},
		"another audience": {"cls-abcd1234", webIdentity(t, "kubernetes", time.Now().Add(time.Hour)), role.ARN(), "InvalidParameter.WebIdentityTokenError"},
		"an expired token": {"cls-abcd1234", webIdentity(t, "sts.cloud.tencent.com", time.Now().Add(-time.Hour)), role.ARN(), "InvalidParameter.WebIdentityTokenError"},
		"no token at all":  {"cls-abcd1234", "x", role.ARN(), "InvalidParameter.WebIdentityTokenError"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := sts.NewAssumeRoleWithWebIdentityRequest()
			request.ProviderId, request.WebIdentityToken = common.StringPtr(test.provider), common.StringPtr(test.token)
			request.RoleArn, request.RoleSessionName = common.StringPtr(test.arn), common.StringPtr("test")
			response, err := stsClient(t, cloud, nil, cloud.STSEndpoint()).AssumeRoleWithWebIdentityWithContext(t.Context(), request)
			if test.code != "" {
				require.ErrorContains(t, err, test.code)
				return
			}
			require.NoError(t, err)
			credentials := response.Response.Credentials
			got := token(t, clientWith(t, cloud, common.NewTokenCredential(*credentials.TmpSecretId, *credentials.TmpSecretKey, *credentials.Token), region), "temp")
			assert.Equal(t, role.UIN, *got.Username)
		})
	}
	for _, c := range cloud.Calls("AssumeRoleWithWebIdentity") {
		assert.Equal(t, "[redacted]", c.Params["WebIdentityToken"])
	}
}

// The providers take their HTTP client from a variable of the SDK.
//
//nolint:paralleltest // it sets that variable
func TestTheSDKsOwnProviders(t *testing.T) {
	cloud := start(t, tencent.Options{})
	role := cloud.AddRole(tencent.Role{Name: "pods", Providers: []string{"cls-abcd1234"}})
	i := cloud.DefaultIdentity()
	common.DefaultHttpClient = &http.Client{Transport: cloud.Transport()}
	t.Cleanup(func() { common.DefaultHttpClient = nil })

	byKey := common.NewRoleArnProvider(i.SecretID, i.SecretKey, role.ARN(), "test", 7200)
	byKey.Endpoint = cloud.STSEndpoint()
	byToken := common.NewOIDCRoleArnProvider(region, "cls-abcd1234", webIdentity(t, "sts.cloud.tencent.com", time.Now().Add(time.Hour)), role.ARN(), "test", 7200)
	byToken.Endpoint = cloud.STSEndpoint()
	for _, provider := range []common.Provider{byKey, byToken} {
		credential, err := provider.GetCredential()
		require.NoError(t, err)
		common.DefaultHttpClient = nil // the TCR client has a transport of its own
		got := token(t, clientWith(t, cloud, credential, region), "temp")
		common.DefaultHttpClient = &http.Client{Transport: cloud.Transport()}
		assert.Equal(t, role.UIN, *got.Username)
	}
}
