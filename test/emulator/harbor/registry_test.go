package harbor

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// anyone is a Guard that lets one user in, to pull everything.
type anyone struct{}

func (anyone) Login(user, password string) error {
	if user != "u" || password != "p" {
		return errors.New("wrong")
	}
	return nil
}

func (anyone) Allows(_, action, _, _ string) bool { return action == "pull" }

func newRegistry(t *testing.T) *Registry {
	t.Helper()
	r, err := New(Options{
		Guard: anyone{},
		Log:   slog.New(slog.DiscardHandler),
		Resolve: func(host string) (Site, bool) {
			return Site{ID: "tcr-1", PublicHost: "demo.example.com"}, host == "demo.example.com"
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	return r
}

func answer(r *Registry, req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	req := httptest.NewRequest(http.MethodGet, "https://demo.example.com/v2/", nil)
	req.Header.Set("X-Forwarded-Proto", "http") // must not choose the realm
	req.Header.Set("X-Forwarded-Host", "evil.example")
	w := answer(r, req)
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Equal(t, `Bearer realm="https://demo.example.com/service/token",service="harbor-registry"`, w.Header().Get("WWW-Authenticate"))
	assert.Equal(t, "registry/2.0", w.Header().Get("Docker-Distribution-Api-Version"))
	assert.JSONEq(t, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}`, w.Body.String())
}

func TestTokenService(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	require.NoError(t, r.CreateNamespace("tcr-1", "team"))
	get := func(query, user, password string) *http.Request {
		req := httptest.NewRequest(http.MethodGet, "https://demo.example.com/service/token?"+query, nil)
		if user != "" {
			req.SetBasicAuth(user, password)
		}
		return req
	}
	post := func(form url.Values) *http.Request {
		req := httptest.NewRequest(http.MethodPost, "https://demo.example.com/service/token", strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return req
	}
	form := func(user, password string) url.Values {
		return url.Values{
			"grant_type": {"password"}, "service": {service}, "username": {user}, "password": {password},
			"scope": {"repository:team/hello:pull"}, "client_id": {"containerd-client"},
		}
	}
	const scoped = "service=harbor-registry&scope=repository:team/hello:pull,push"
	tests := map[string]struct {
		req    *http.Request
		status int
		access string // in the claims
	}{
		"GET, with a right":                 {get(scoped, "u", "p"), 200, `"access":[{"actions":["pull"],"name":"team/hello","type":"repository"}]`},
		"GET, no such namespace":            {get("service=harbor-registry&scope=repository:none/hello:pull", "u", "p"), 200, `"access":[]`},
		"GET, no scope: docker login":       {get("service=harbor-registry", "u", "p"), 200, `"access":[]`},
		"GET, wrong password":               {get(scoped, "u", "x"), 401, ""},
		"GET, anonymous with scope":         {get(scoped, "", ""), 200, `"access":[]`},
		"GET, anonymous without":            {get("service=harbor-registry", "", ""), 401, ""},
		"GET, another service":              {get("service=x", "u", "p"), 400, ""},
		"POST, with a right":                {post(form("u", "p")), 200, `"access":[{"actions":["pull"],"name":"team/hello","type":"repository"}]`},
		"POST, wrong password":              {post(form("u", "x")), 401, ""},
		"POST, anonymous":                   {post(form("", "")), 401, ""},
		"POST, another grant":               {post(url.Values{"grant_type": {"refresh_token"}, "service": {service}}), 400, ""},
		"PUT":                               {httptest.NewRequest(http.MethodPut, "https://demo.example.com/service/token", nil), 400, ""},
		"a host of nobody":                  {httptest.NewRequest(http.MethodGet, "https://x.example.com/service/token", nil), 404, ""},
		"the registry of a host of nobody":  {httptest.NewRequest(http.MethodGet, "https://x.example.com/v2/", nil), 404, ""},
		"the host in capitals, with a port": {httptest.NewRequest(http.MethodGet, "https://DEMO.example.com:443/v2/", nil), 401, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := answer(r, test.req)
			require.Equal(t, test.status, w.Code, w.Body.String())
			if test.status == http.StatusOK {
				assert.Contains(t, claimsOf(t, w.Body.String()), test.access)
			}
		})
	}
}

// TestClose fails when distribution moves the goroutine that app.close ends.
func TestClose(t *testing.T) { // not parallel: it counts goroutines
	before := goleak.IgnoreCurrent()
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	r := newRegistry(t)
	require.NoError(t, r.CreateNamespace("tcr-1", "team"))
	require.NoError(t, r.CreateNamespace("tcr-2", "team"))
	require.NoError(t, r.Close())
	goleak.VerifyNone(t, before)

	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Empty(t, left, "temporary files")
	w := answer(r, httptest.NewRequest(http.MethodGet, "https://demo.example.com/v2/", nil))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
}
