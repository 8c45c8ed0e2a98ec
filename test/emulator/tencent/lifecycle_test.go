package tencent_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"go.uber.org/goleak"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

func TestCloseFreesEverything(t *testing.T) { // not parallel: it counts goroutines and temporary files
	before := goleak.IgnoreCurrent()
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	cloud, err := tencent.Start(context.Background(), tencent.Options{}) //nolint:usetesting // Close alone shall end it
	require.NoError(t, err)
	cloud.AddInstance(tencent.Instance{ID: demoID, Name: "demo"})
	_, err = cloud.Push(t.Context(), demoRef)
	require.NoError(t, err)
	require.NoError(t, cloud.Close())
	require.NoError(t, cloud.Close(), "twice")
	goleak.VerifyNone(t, before)
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Empty(t, left, "temporary files")
	for _, address := range []string{strings.TrimPrefix(cloud.Endpoint(), "http://"), cloud.STSEndpoint(), cloud.RegistryAddr()} {
		_, err := net.Dial("tcp", address)
		require.Error(t, err, "nobody listens any more")
	}
}

//nolint:paralleltest // it counts goroutines
func TestTheEndOfTheContextEndsTheCloud(t *testing.T) {
	before := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	cloud, err := tencent.Start(ctx, tencent.Options{})
	require.NoError(t, err)
	cancel()
	require.NoError(t, cloud.Close(), "waits for the end")
	goleak.VerifyNone(t, before)
}

//nolint:paralleltest // it counts goroutines
func TestStartFailsWhereAnAddressIsTaken(t *testing.T) {
	before := goleak.IgnoreCurrent()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	for _, o := range []tencent.Options{
		{APIAddress: taken.Addr().String()}, {STSAddress: taken.Addr().String()}, {RegistryAddress: taken.Addr().String()},
	} {
		_, err := tencent.Start(t.Context(), o)
		require.ErrorContains(t, err, "address already in use")
	}
	require.NoError(t, taken.Close())
	goleak.VerifyNone(t, before)
}

func TestTwoCloudsSideBySide(t *testing.T) {
	t.Parallel()
	one, two := startWithImage(t, tencent.Options{}), start(t, tencent.Options{})
	got := token(t, client(t, one, one.DefaultIdentity()), "temp")
	_, err := pull(t, one, demoRef, *got.Username, *got.Token)
	require.NoError(t, err)

	_, err = client(t, two, one.DefaultIdentity()).CreateInstanceTokenWithContext(t.Context(), tokenRequest())
	require.ErrorContains(t, err, "SecretIdNotFound")
	_, err = pull(t, two, demoRef, *got.Username, *got.Token)
	require.ErrorContains(t, err, "UNAUTHORIZED", "another account's token")
	assert.Len(t, one.Calls(""), 1)
	require.NoError(t, two.Close())
	_, err = pull(t, one, demoRef, *got.Username, *got.Token)
	require.NoError(t, err, "the end of one is not the end of the other")
}

func TestTransportLetsNothingLeaveTheMachine(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	for _, url := range []string{
		"https://example.com/", "http://demo.tencentcloudcr.com/", "https://demo.tencentcloudcr.com:8443/",
		"https://other.tencentcloudcr.com/v2/", "https://cvm.tencentcloudapi.com/", "https://demo.tencentcloudcr.com.evil.example/",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		_, err = cloud.Transport().RoundTrip(request) //nolint:bodyclose // there is none
		require.ErrorContains(t, err, "does not serve it", url)
	}
}

func TestCertificatesAreForTheHostsServed(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(cloud.CA()))
	handshake := func(address, host string) error {
		dialer := tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: host}}
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	for _, host := range []string{"demo.tencentcloudcr.com", "demo-vpc.tencentcloudcr.com", "127.0.0.1", "localhost"} {
		require.NoError(t, handshake(cloud.RegistryAddr(), host), host)
	}
	require.Error(t, handshake(cloud.RegistryAddr(), "late.tencentcloudcr.com"))
	cloud.AddInstance(tencent.Instance{ID: "tcr-late0000", Name: "late", CustomDomains: []tencent.CustomDomain{{Name: "r.example.com"}}})
	require.NoError(t, handshake(cloud.RegistryAddr(), "late.tencentcloudcr.com"), "added later")
	require.NoError(t, handshake(cloud.RegistryAddr(), "r.example.com"))
	require.NoError(t, handshake(cloud.STSEndpoint(), "sts.tencentcloudapi.com"))
	require.Error(t, handshake(cloud.STSEndpoint(), "demo.tencentcloudcr.com"))
}

func TestPublicRealm(t *testing.T) {
	t.Parallel()
	for realm, public := range map[string]bool{"demo-vpc.tencentcloudcr.com": false, "demo.tencentcloudcr.com": true} {
		cloud := startWithImage(t, tencent.Options{PublicRealm: public})
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://demo-vpc.tencentcloudcr.com/v2/", nil)
		require.NoError(t, err)
		response, err := cloud.Transport().RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Contains(t, response.Header.Get("WWW-Authenticate"), `realm="https://`+realm+`/service/token"`)
		got := token(t, client(t, cloud, cloud.DefaultIdentity()), "temp")
		_, err = pull(t, cloud, "demo-vpc.tencentcloudcr.com/team/hello:1", *got.Username, *got.Token)
		require.NoError(t, err)
	}
}

func TestPushRefuses(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	for says, ref := range map[string]string{
		"add it first":     "nobody.tencentcloudcr.com/team/hello:1",
		"want a namespace": "demo.tencentcloudcr.com/hello:1",
		"could not parse":  "demo.tencentcloudcr.com/team/HELLO:1",
	} {
		_, err := cloud.Push(t.Context(), ref)
		require.ErrorContains(t, err, says)
	}
}

func TestThePushedImageLooksLikeOneThatRuns(t *testing.T) {
	t.Parallel()
	cloud := startWithImage(t, tencent.Options{})
	user, password, err := cloud.PullToken(cloud.DefaultIdentity())
	require.NoError(t, err)
	parsed, err := name.ParseReference(demoRef)
	require.NoError(t, err)
	image, err := remote.Image(parsed, remote.WithTransport(cloud.Transport()), remote.WithContext(t.Context()),
		remote.WithAuth(&authn.Basic{Username: user, Password: password}))
	require.NoError(t, err)
	file, err := image.ConfigFile()
	require.NoError(t, err)
	assert.Equal(t, []string{"linux", "amd64", "/hello"}, []string{file.OS, file.Architecture, file.Config.Entrypoint[0]})
	again, err := cloud.Push(t.Context(), demoRef)
	require.NoError(t, err)
	digest, err := image.Digest()
	require.NoError(t, err)
	assert.Equal(t, digest.String(), again, "the same reference has the same digest")
	other, err := cloud.Push(t.Context(), "demo.tencentcloudcr.com/team/hello:2")
	require.NoError(t, err)
	assert.NotEqual(t, again, other)
}

// buffer is a log that several goroutines write.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Distribution would log to the process' standard error.
//
//nolint:paralleltest // it replaces standard error
func TestNoSecretIsLogged(t *testing.T) {
	stderr, w, err := os.Pipe()
	require.NoError(t, err)
	old := os.Stderr
	os.Stderr = w
	t.Cleanup(func() { os.Stderr = old })
	written := make(chan string)
	go func() {
		all, _ := io.ReadAll(stderr)
		written <- string(all)
	}()

	var log buffer
	cloud := startWithImage(t, tencent.Options{Log: &log})
	i := cloud.DefaultIdentity()
	role := cloud.AddRole(tencent.Role{Name: "tcr-puller"})
	session, err := stsClient(t, cloud, common.NewCredential(i.SecretID, i.SecretKey), "").AssumeRoleWithContext(t.Context(), assumeRole(role.ARN(), 60))
	require.NoError(t, err)
	got := token(t, client(t, cloud, i), "longterm")
	_, err = pull(t, cloud, demoRef, *got.Username, *got.Token)
	require.NoError(t, err)
	for _, wrong := range []string{"MARKER", *got.Token + "MARKER"} {
		_, err = pull(t, cloud, demoRef, *got.Username, wrong)
		require.Error(t, err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://demo.tencentcloudcr.com/v2/team/hello/manifests/1", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer MARKER")
	response, err := cloud.Transport().RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())

	require.NoError(t, w.Close())
	all := log.String() + <-written
	assert.Contains(t, all, "action=CreateInstanceToken")
	assert.Contains(t, all, "registry login refused")
	for _, secret := range []string{
		"MARKER", i.SecretKey, *got.Token, *session.Response.Credentials.Token, *session.Response.Credentials.TmpSecretKey,
	} {
		assert.NotContains(t, all, secret)
	}
}
