package tcr

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/credentials/token/tokentest"
)

// The tests of this file run the real SDK against a server that answers as
// it is told.

// served is a client of a server with the given handler.
func served(t *testing.T, handler http.HandlerFunc) (*Client, *outcomes) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	seen := &outcomes{}
	c, err := New(Options{
		Region: "ap-guangzhou", Endpoint: server.URL, Identity: static{}, Observe: seen.note,
		Timeout: time.Minute, // whatever else the machine has to do
	})
	require.NoError(t, err)
	return c, seen
}

func answering(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func goodAnswer(id string, expires time.Time) string {
	return fmt.Sprintf(`{"Response":{"Username":"100012345678","Token":%q,"ExpTime":%d,"TokenId":"","RequestId":"r-1"}}`, id, expires.UnixMilli())
}

func TestTheRealSDKConforms(t *testing.T) {
	t.Parallel()
	client, _ := served(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), string(demo)) {
			_, _ = io.WriteString(w, goodAnswer(marker, time.Now().Add(time.Hour)))
			return
		}
		_, _ = io.WriteString(w, `{"Response":{"Error":{"Code":"ResourceNotFound.TcrResourceNotFound","Message":"none"},"RequestId":"r-2"}}`)
	})
	tokentest.Conformance(t, client, registry.Key{ID: demo}, registry.Key{ID: "tcr-unknown1"})
}

func TestTheRequestIsWhatTheAPIExpects(t *testing.T) {
	t.Parallel()
	client, _ := served(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		assert.JSONEq(t, `{"RegistryId":"tcr-m3ut3qxx","TokenType":"temp"}`, string(body))
		assert.Equal(t, "CreateInstanceToken", r.Header.Get("X-TC-Action"))
		assert.Equal(t, "2019-09-24", r.Header.Get("X-TC-Version"))
		assert.Equal(t, "ap-guangzhou", r.Header.Get("X-TC-Region"))
		assert.Equal(t, "en-US", r.Header.Get("X-TC-Language"))
		assert.Contains(t, r.Header.Get("Authorization"), "TC3-HMAC-SHA256 Credential=AKIDexample/")
		_, _ = io.WriteString(w, goodAnswer(marker, time.Now().Add(time.Hour)))
	})
	_, err := client.Issue(t.Context(), registry.Key{ID: demo})
	require.NoError(t, err)
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	var remotes atomic.Pointer[string]
	client, _ := served(t, func(w http.ResponseWriter, r *http.Request) {
		if before := remotes.Swap(&r.RemoteAddr); before != nil {
			assert.Equal(t, *before, r.RemoteAddr)
		}
		_, _ = io.WriteString(w, goodAnswer(marker, time.Now().Add(time.Hour)))
	})
	for range 3 {
		_, err := client.Issue(t.Context(), registry.Key{ID: demo})
		require.NoError(t, err)
	}
}

func TestNoAnswerShowsItsToken(t *testing.T) {
	t.Parallel()
	header := func(key, value, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(key, value)
			_, _ = io.WriteString(w, body)
		}
	}
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	const whole = `{"Response":{"Username":"u","Token":"` + marker + `","ExpTime":4102444800000,"RequestId":"r-1"}}`
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"expiry as a string":       {answering(`{"Response":{"Username":"u","Token":"` + marker + `","ExpTime":"1735880997750"}}`), "ClientError.ParseJsonError"},
		"expiry as a fraction":     {answering(`{"Response":{"Username":"u","Token":"` + marker + `","ExpTime":1.5e3}}`), "ClientError.ParseJsonError"},
		"username as a number":     {answering(`{"Response":{"Username":1,"Token":"` + marker + `"}}`), "ClientError.ParseJsonError"},
		"expiry in the far future": {answering(whole), "temporary ones live an hour"},
		"null token":               {answering(`{"Response":{"Username":"` + marker + `","Token":null,"ExpTime":1}}`), "lacks a username or a token"},
		"null response":            {answering(`{"Response":null,"x":"` + marker + `"}`), "the answer is empty"},
		"empty response":           {answering(`{"Response":{}}`), "lacks a username or a token"},
		"null":                     {answering(`null`), "the SDK cannot cope with the answer"},
		"nothing":                  {answering(``), "ClientError.ParseJsonError"},
		"a list":                   {answering(`["` + marker + `"]`), "ClientError.ParseJsonError"},
		"half an answer":           {answering(whole[:60]), "ClientError.ParseJsonError"},
		"a page":                   {header("Content-Type", "text/html", "<html>"+marker), "ClientError.ParseJsonError"},
		"a page of a gateway":      {status(502, "<html>"+marker), "ClientError.ParseJsonError"},
		"an answer that is none":   {status(503, `{"x":"`+marker+`"}`), "ClientError.HttpStatusCodeError"},
		"an error that quotes": {
			answering(`{"Response":{"Error":{"Code":"InternalError","Message":"` + marker + `"},"RequestId":"` + marker + `"}}`),
			"CreateInstanceToken for tcr-m3ut3qxx: InternalError",
		},
		"a token for a code":       {answering(`{"Response":{"Error":{"Code":"` + marker + `","Message":"m"},"RequestId":"r-1"}}`), "the answer cannot be read"},
		"an error of the old form": {answering(`{"code":4000,"message":"` + marker + `","codeDesc":"` + marker + `"}`), "the answer cannot be read"},
		"an event stream":          {header("Content-Type", "text/event-stream", whole), "ClientError.TypeError"},
		"an octet stream":          {header("Content-Type", "application/octet-stream", "["+whole), "ClientError.ParseJsonError"},
		"an unknown encoding":      {header("Content-Encoding", "br", whole), "compressed in a way that was not asked for"},
		"an answer too large":      {answering(`{"x":"` + strings.Repeat("0", maxAnswer) + `",` + whole[1:]), "ClientError.ParseJsonError"},
		"an answer too large once it is unpacked": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, `{"x":"`+strings.Repeat("0", maxAnswer)+`",`+whole[1:])
			_ = z.Close()
		}, "ClientError.ParseJsonError"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example.com/"+marker, http.StatusTemporaryRedirect)
		}, "answers with a redirect"},
		"a connection dropped": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "the connection to the API broke"},
		"a connection dropped halfway": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, whole)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "ClientError.ParseJsonError"},
		"no HTTP at all": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_, _ = io.WriteString(conn, marker+"\r\n\r\n")
			_ = conn.Close()
		}, "the answer cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, seen := served(t, tc.handler)
			tok, err := client.Issue(t.Context(), registry.Key{ID: demo})
			require.ErrorContains(t, err, tc.want)
			assert.Equal(t, token.Token{}, tok)
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "MARKER")
			assert.Less(t, len(err.Error()), 300)
			assert.NotContains(t, err.Error(), "\n")
			assert.NotContains(t, strings.Join(seen.all(), " "), "MARKER")
		})
	}
}

func TestAnAPIThatIsNotThereIsDescribed(t *testing.T) {
	t.Parallel()
	plain, secure, gone := httptest.NewServer(nil), httptest.NewUnstartedServer(nil), httptest.NewServer(nil)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of our refusal to shake hands
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	gone.Close()
	for want, endpoint := range map[string]string{
		"the API's address refuses connections": gone.URL,
		"the API's certificate is not trusted":  secure.URL,
		"the API's address does not speak TLS":  strings.Replace(plain.URL, "http:", "https:", 1),
	} {
		client, err := New(Options{Region: "ap-guangzhou", Endpoint: endpoint, Identity: static{}})
		require.NoError(t, err)
		_, err = client.Issue(t.Context(), registry.Key{ID: demo})
		assert.EqualError(t, err, "CreateInstanceToken for tcr-m3ut3qxx: ClientError.NetworkError: "+want)
	}
}

func TestACallThatHangsEndsAfterItsTimeout(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	client, err := New(Options{Region: "ap-guangzhou", Endpoint: server.URL, Identity: static{}, Timeout: 100 * time.Millisecond})
	require.NoError(t, err)
	_, err = client.Issue(t.Context(), registry.Key{ID: demo})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.EqualError(t, err, "CreateInstanceToken for tcr-m3ut3qxx: context deadline exceeded: ClientError.NetworkError: the API did not answer in time")
}

func TestACallerGivingUpEndsTheCall(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	client, _ := served(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(hung)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-hung; cancel() }()
	_, err := client.Issue(ctx, registry.Key{ID: demo})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestTheAPIsClockIsRead(t *testing.T) {
	t.Parallel()
	client, _ := served(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
		_, _ = io.WriteString(w, `{"Response":{"Error":{"Code":"AuthFailure.SignatureExpire","Message":"m"},"RequestId":"r-1"}}`)
	})
	_, err := client.Issue(t.Context(), registry.Key{ID: demo})
	require.ErrorIs(t, err, token.ErrClockSkew)
	assert.Regexp(t, `it is 10m[01]s ahead of the API's`, err.Error())
}

func TestDescribeThroughTheRealSDK(t *testing.T) {
	t.Parallel()
	client, seen := served(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("X-TC-Action") {
		case "DescribeInstances":
			body, _ := io.ReadAll(r.Body)
			assert.JSONEq(t, `{"Registryids":["tcr-m3ut3qxx"],"Limit":100}`, string(body))
			_, _ = io.WriteString(w, `{"Response":{"TotalCount":1,"Registries":[{"RegistryId":"tcr-m3ut3qxx","RegistryName":"demo",
				"Status":"Running","PublicDomain":"demo.tencentcloudcr.com","TagSpecification":null}],"RequestId":"r-1"}}`)
		case "DescribeInstanceCustomizedDomain":
			_, _ = io.WriteString(w, `{"Response":{"DomainInfoList":[{"RegistryId":"tcr-m3ut3qxx","CertId":"c","DomainName":"r.example.com",
				"Status":"SUCCESS"}],"TotalCount":1,"RequestId":"r-2"}}`)
		}
	})
	hosts, err := client.Hosts(t.Context(), demo)
	require.NoError(t, err)
	assert.Equal(t, []registry.Host{"demo.tencentcloudcr.com", "demo-vpc.tencentcloudcr.com", "r.example.com"}, hosts.All())
	assert.Equal(t, []string{"DescribeInstances OK", "DescribeInstanceCustomizedDomain OK"}, seen.all())
}

// body is a transport that answers every request with itself.
type body struct{ raw, contentType string }

func (b body) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Request: req,
		Header: http.Header{"Content-Type": {b.contentType}},
		Body:   io.NopCloser(bytes.NewReader([]byte(b.raw))),
	}, nil
}

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`null`, `{}`, `[]`, ``, `{"Response":null}`, `{"Response":{"Username":"u","Token":"$","ExpTime":4102444800000}}`,
		`{"Response":{"Username":"u","Token":"$","ExpTime":"$"}}`, `{"Response":{"Error":{"Code":"$","Message":"$"},"RequestId":"$"}}`,
		`{"code":1,"message":"$","codeDesc":"$"}`, `{"Response":{"Registries":[null,{"RegistryId":"tcr-m3ut3qxx","RegistryName":"$"}]}}`,
		`{"Response":{"DomainInfoList":[null,{"Status":"success","DomainName":"$"}]}}`, `<html>$`,
	} {
		f.Add(seed, "application/json")
	}
	f.Add(`{"Response":{}}`, "text/event-stream")
	f.Fuzz(func(t *testing.T, raw, contentType string) {
		client, err := New(Options{Region: "ap-guangzhou", Identity: static{}})
		require.NoError(t, err)
		client.transport.next = body{raw: strings.ReplaceAll(raw, "$", marker), contentType: contentType}

		tok, err := client.Issue(t.Context(), registry.Key{ID: demo})
		if err != nil {
			require.NotContains(t, err.Error(), "MARKER")
			require.Equal(t, token.Token{}, tok)
		} else {
			require.NotEmpty(t, tok.Username)
			require.NotContains(t, tok.Username, ":")
			require.Positive(t, tok.Lifetime())
		}
		instance, err := client.Describe(t.Context(), demo)
		if err != nil {
			require.NotContains(t, err.Error(), "MARKER")
			return
		}
		require.Equal(t, demo, instance.ID)
		for _, host := range instance.Hosts.All() {
			_, err := registry.ParseHost(string(host))
			require.NoError(t, err)
		}
	})
}

func TestNothingGlobalIsTouched(t *testing.T) { //nolint:paralleltest // it looks at what others could change
	before := http.DefaultTransport
	client, _ := served(t, answering(goodAnswer(marker, time.Now().Add(time.Hour))))
	_, err := client.Issue(t.Context(), registry.Key{ID: demo})
	require.NoError(t, err)
	assert.Nil(t, common.DefaultHttpClient)
	assert.Same(t, before, http.DefaultTransport)
	assert.NotSame(t, before, client.transport.next)
	assert.Zero(t, *http.DefaultClient)
}
