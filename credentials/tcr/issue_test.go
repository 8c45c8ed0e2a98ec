package tcr

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

func TestIssueAsksForATemporaryToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Round(0)
		expires := now.Add(time.Hour + 750*time.Millisecond)
		fake := &fakeAPI{token: tokenAnswer(str("100012345678"), str(marker), expires)}
		client, seen := withFake(t, fake)

		got, err := client.Issue(t.Context(), registry.Key{ID: demo})
		require.NoError(t, err)
		want := token.Token{Username: "100012345678", Password: marker, IssuedAt: now, ExpiresAt: expires}
		assert.Equal(t, want, got)
		assert.Equal(t, marker, got.Password.Reveal())
		assert.Equal(t, string(demo), *fake.askedToken.RegistryId)
		assert.Equal(t, "temp", *fake.askedToken.TokenType)
		assert.Nil(t, fake.askedToken.Desc)
		assert.Equal(t, []string{"CreateInstanceToken OK"}, seen.all())
	})
}

func TestTokenFromDistrustsTheAnswer(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	hour := now.Add(time.Hour)
	expiring := func(ms int64) *sdk.CreateInstanceTokenResponse {
		a := tokenAnswer(str("u"), str(marker), hour)
		a.Response.ExpTime = common.Int64Ptr(ms)
		return a
	}
	noExpiry := tokenAnswer(str("u"), str(marker), hour)
	noExpiry.Response.ExpTime = nil
	for name, tc := range map[string]struct {
		answer *sdk.CreateInstanceTokenResponse
		want   string
	}{
		"no answer":                  {nil, "the answer is empty"},
		"no response":                {&sdk.CreateInstanceTokenResponse{}, "the answer is empty"},
		"empty response":             {&sdk.CreateInstanceTokenResponse{Response: &sdk.CreateInstanceTokenResponseParams{}}, "lacks a username or a token"},
		"null username":              {tokenAnswer(nil, str(marker), hour), "lacks a username or a token"},
		"null token":                 {tokenAnswer(str("u"), nil, hour), "lacks a username or a token"},
		"empty token":                {tokenAnswer(str("u"), str(""), hour), "lacks a username or a token"},
		"colon in username":          {tokenAnswer(str("a:"+marker), str(marker), hour), "fit for no login"},
		"line break in username":     {tokenAnswer(str("a\n"+marker), str(marker), hour), "fit for no login"},
		"line break in token":        {tokenAnswer(str("u"), str(marker+"\n"), hour), "fit for no login"},
		"null expiry":                {noExpiry, "lacks an expiry"},
		"expired token":              {expiring(now.Add(-time.Second).UnixMilli()), "expired at 2026-08-01T11:59:59Z; our clock says 2026-08-01T12:00:00Z"},
		"expiry in seconds":          {expiring(hour.Unix()), "expired at 1970-01-21"},
		"expiry zero":                {expiring(0), "expired at 1970-01-01"},
		"long-term token":            {expiring(now.Add(87600 * time.Hour).UnixMilli()), "temporary ones live an hour"},
		"expiry beyond all bounds":   {expiring(math.MaxInt64), "temporary ones live an hour"},
		"expiry before all bounds":   {expiring(math.MinInt64), "expired at"},
		"an ordinary one, with more": {tokenAnswer(str("u"), str(marker), hour), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tok, err := tokenFrom(tc.answer, now)
			if tc.want == "" {
				require.NoError(t, err)
				assert.Equal(t, hour.Local(), tok.ExpiresAt)
				return
			}
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), marker)
			assert.Equal(t, token.Token{}, tok)
		})
	}
}

func TestIssueFailsInOurOwnWords(t *testing.T) {
	t.Parallel()
	fake := &fakeAPI{tokenErr: failure("UnauthorizedOperation", "7c1f-22")}
	client, seen := withFake(t, fake)
	_, err := client.Issue(t.Context(), registry.Key{ID: demo})
	require.ErrorIs(t, err, token.ErrDenied)
	assert.EqualError(t, err, "CreateInstanceToken for tcr-m3ut3qxx: access denied: UnauthorizedOperation (request 7c1f-22): "+
		"the identity needs tcr:CreateInstanceToken on qcs::tcr:::instance/tcr-m3ut3qxx")
	assert.Equal(t, []string{"CreateInstanceToken UnauthorizedOperation"}, seen.all())

	fake.tokenErr, fake.token = nil, &sdk.CreateInstanceTokenResponse{}
	_, err = client.Issue(t.Context(), registry.Key{ID: demo})
	assert.EqualError(t, err, "CreateInstanceToken for tcr-m3ut3qxx: the answer is empty")
}

func TestAPanicOfTheSDKIsAnError(t *testing.T) {
	t.Parallel()
	client, seen := withFake(t, nil) // calls on a nil fake panic
	_, err := client.Issue(t.Context(), registry.Key{ID: demo})
	assert.EqualError(t, err, "CreateInstanceToken for tcr-m3ut3qxx: the SDK cannot cope with the answer")
	assert.Equal(t, []string{"CreateInstanceToken Other"}, seen.all())
}

func TestWithoutCredentialsNothingIsCalled(t *testing.T) {
	t.Parallel()
	fake := &fakeAPI{}
	client, seen := withFake(t, fake)
	client.identity = Files(t.TempDir())
	_, err := client.Issue(t.Context(), registry.Key{ID: demo})
	require.ErrorContains(t, err, "no credentials for Tencent Cloud: file ")
	assert.Nil(t, fake.askedToken)
	assert.Empty(t, seen.all())
}

func TestClockSkewIsMeasured(t *testing.T) {
	t.Parallel()
	for skew, want := range map[time.Duration]string{
		6 * time.Minute:  "(it is 6m0s ahead of the API's)",
		-6 * time.Minute: "(it is 6m0s behind the API's)",
		0:                "for example by NTP",
	} {
		client, _ := withFake(t, &fakeAPI{tokenErr: failure("AuthFailure.SignatureExpire", "")})
		client.transport.skew.Store(int64(skew))
		_, err := client.Issue(t.Context(), registry.Key{ID: demo})
		require.ErrorIs(t, err, token.ErrClockSkew)
		assert.ErrorContains(t, err, "our clock is more than five minutes off")
		assert.Equal(t, want, err.Error()[len(err.Error())-len(want):])
	}
}

func TestNewChecksItsOptions(t *testing.T) {
	t.Parallel()
	good := Options{Region: "ap-guangzhou", Identity: static{}}
	_, err := New(good)
	require.NoError(t, err)
	for want, change := range map[string]func(*Options){
		`region "" is not one of Tencent Cloud's`:        func(o *Options) { o.Region = "" },
		`region "Guangzhou" is not one`:                  func(o *Options) { o.Region = "Guangzhou" },
		"no identity":                                    func(o *Options) { o.Identity = nil },
		"would carry tokens in clear text":               func(o *Options) { o.Endpoint = "http://tcr.example.com" },
		"exclude each other":                             func(o *Options) { o.Endpoint, o.RootDomain = "https://a.example.com", "b.example.com" },
		`endpoint "tcr.example.com" is not the URL of a`: func(o *Options) { o.Endpoint = "tcr.example.com" },
	} {
		bad := good
		change(&bad)
		_, err := New(bad)
		assert.ErrorContains(t, err, want)
	}
}

// What ends a call is still to be told apart from a failure of the API.
func TestContextErrorsStayRecognizable(t *testing.T) {
	t.Parallel()
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		err := classify(createToken, demo, errors.Join(errors.New(marker), end))
		require.ErrorIs(t, err, end)
		assert.NotContains(t, err.Error(), marker)
	}
	assert.NotErrorIs(t, classify(createToken, registry.ID("x"), errors.New(marker)), context.Canceled)
}
