package tencent_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

const (
	demoID  = "tcr-m3ut3qxx"
	demoRef = "demo.tencentcloudcr.com/team/hello:1"
	region  = "ap-guangzhou"
)

// start runs a Cloud with the instance demo for one test.
func start(t *testing.T, o tencent.Options) *tencent.Cloud {
	t.Helper()
	cloud, err := tencent.Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, cloud.Close()) })
	cloud.AddInstance(tencent.Instance{ID: demoID, Name: "demo", Region: region})
	return cloud
}

// client is the SDK as the project uses it.
func client(t *testing.T, cloud *tencent.Cloud, i tencent.Identity) *sdk.Client {
	t.Helper()
	return clientWith(t, cloud, common.NewCredential(i.SecretID, i.SecretKey), region)
}

func clientWith(t *testing.T, cloud *tencent.Cloud, credential common.CredentialIface, region string) *sdk.Client {
	t.Helper()
	p := profile.NewClientProfile()
	p.HttpProfile.Scheme = "HTTP"
	p.HttpProfile.Endpoint = strings.TrimPrefix(cloud.Endpoint(), "http://")
	c, err := sdk.NewClient(credential, region, p)
	require.NoError(t, err)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	c.WithHttpTransport(transport)
	return c
}

// token gets a pull token.
func token(t *testing.T, c *sdk.Client, kind string) *sdk.CreateInstanceTokenResponseParams {
	t.Helper()
	request := sdk.NewCreateInstanceTokenRequest()
	request.RegistryId, request.TokenType = common.StringPtr(demoID), common.StringPtr(kind)
	response, err := c.CreateInstanceTokenWithContext(t.Context(), request)
	require.NoError(t, err)
	return response.Response
}

// pull pulls an image with a user name and password, and returns its digest.
func pull(t *testing.T, cloud *tencent.Cloud, ref, user, password string) (string, error) {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	require.NoError(t, err)
	auth := authn.Anonymous
	if user != "" {
		auth = &authn.Basic{Username: user, Password: password}
	}
	image, err := remote.Image(parsed, remote.WithContext(t.Context()), remote.WithTransport(cloud.Transport()), remote.WithAuth(auth))
	if err != nil {
		return "", err
	}
	layers, err := image.Layers()
	require.NoError(t, err)
	for _, layer := range layers {
		blob, err := layer.Compressed()
		if err != nil {
			return "", err
		}
		require.NoError(t, blob.Close())
	}
	digest, err := image.Digest()
	return digest.String(), err
}

func TestThePullTokenOfTheRealSDKPullsFromEveryHost(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	pushed, err := cloud.Push(t.Context(), demoRef)
	require.NoError(t, err)
	got := token(t, client(t, cloud, cloud.DefaultIdentity()), "temp")

	for _, host := range []string{"demo.tencentcloudcr.com", "demo-vpc.tencentcloudcr.com"} {
		pulled, err := pull(t, cloud, host+"/team/hello:1", *got.Username, *got.Token)
		require.NoError(t, err, host)
		assert.Equal(t, pushed, pulled, host)
	}
	_, err = pull(t, cloud, demoRef, "", "")
	require.ErrorContains(t, err, "UNAUTHORIZED")
}

func TestTheSDKFindsTheAPIUnderItsRealNames(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	i := cloud.DefaultIdentity()
	for _, rootDomain := range []string{"", "internal.tencentcloudapi.com", "ap-guangzhou.tencentcloudapi.com"} {
		p := profile.NewClientProfile()
		p.HttpProfile.RootDomain = rootDomain
		c, err := sdk.NewClient(common.NewCredential(i.SecretID, i.SecretKey), region, p)
		require.NoError(t, err)
		c.WithHttpTransport(cloud.Transport())
		assert.NotEmpty(t, *token(t, c, "temp").Token, rootDomain)
	}
}
