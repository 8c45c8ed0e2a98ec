package admin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/admin"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

func start(t *testing.T) *tencent.Cloud {
	t.Helper()
	cloud, err := tencent.Start(t.Context(), tencent.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, cloud.Close()) })
	cloud.AddInstance(tencent.Instance{ID: "tcr-m3ut3qxx", Name: "demo"})
	return cloud
}

func ask(t *testing.T, cloud *tencent.Cloud, method, path, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	admin.Handler(cloud).ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

func TestFaults(t *testing.T) {
	t.Parallel()
	cloud := start(t)
	status, body := ask(t, cloud, "PUT", "/faults/CreateInstanceToken", `{"latency":"1500ms","hang":true,"drop":true,"status":502,
		"body":"b","contentType":"text/plain","code":"InternalError","message":"m","nullFields":true,"wrongTypes":true,"times":3}`)
	require.Equal(t, http.StatusOK, status, body)
	status, _ = ask(t, cloud, "PUT", "/faults/*", `{"code":"RequestLimitExceeded"}`)
	require.Equal(t, http.StatusOK, status)
	want := map[string]tencent.Fault{
		"CreateInstanceToken": {
			Latency: 1500 * time.Millisecond, Hang: true, Drop: true, Status: 502, Body: "b", ContentType: "text/plain",
			Code: "InternalError", Message: "m", NullFields: true, WrongTypes: true, Times: 3,
		},
		"*": {Code: "RequestLimitExceeded"},
	}
	assert.Empty(t, cmp.Diff(want, cloud.Faults()), "-want +got")
	_, body = ask(t, cloud, "GET", "/faults", "")
	assert.Contains(t, body, `"latency": "1.5s"`)

	status, _ = ask(t, cloud, "DELETE", "/faults/CreateInstanceToken", "")
	assert.Equal(t, http.StatusOK, status)
	assert.Len(t, cloud.Faults(), 1)
	status, _ = ask(t, cloud, "DELETE", "/faults", "")
	assert.Equal(t, http.StatusOK, status)
	assert.Empty(t, cloud.Faults())
}

func TestIdentitiesAreRevokedAndShownWithoutTheirKeys(t *testing.T) {
	t.Parallel()
	cloud := start(t)
	i := cloud.DefaultIdentity()
	_, token, err := cloud.PullToken(i)
	require.NoError(t, err)
	_, body := ask(t, cloud, "GET", "/identities", "")
	assert.Contains(t, body, i.SecretID)
	assert.NotContains(t, body, i.SecretKey)
	assert.NotContains(t, body, token)
	for _, command := range []string{"revoke", "restore"} {
		status, body := ask(t, cloud, "POST", "/identities/"+i.SecretID+"/"+command, "")
		assert.Equal(t, http.StatusOK, status, body)
	}
}

func TestInstancesAndImages(t *testing.T) {
	t.Parallel()
	cloud := start(t)
	status, body := ask(t, cloud, "PUT", "/instances/tcr-other000", `{"name":"other","region":"ap-shanghai","customDomains":["r.example.com"]}`)
	require.Equal(t, http.StatusOK, status, body)
	assert.Len(t, cloud.Instances(), 2)
	status, body = ask(t, cloud, "POST", "/images", `{"ref":"r.example.com/team/hello:1"}`)
	require.Equal(t, http.StatusOK, status, body)
	assert.Contains(t, body, `"digest": "sha256:`)
	_, body = ask(t, cloud, "GET", "/instances", "")
	assert.Contains(t, body, "r.example.com")
	status, _ = ask(t, cloud, "DELETE", "/instances/tcr-other000", "")
	assert.Equal(t, http.StatusOK, status)
	assert.Len(t, cloud.Instances(), 1)
}

func TestLinksAndRecords(t *testing.T) {
	t.Parallel()
	cloud := start(t)
	status, body := ask(t, cloud, "PUT", "/instances/tcr-other000",
		`{"name":"other","nullLists":true,"links":[{"vpc":"vpc-1","ip":"10.0.0.9"}],"dns":[{"vpc":"vpc-1","ip":"10.0.0.9","public":true,"status":"ENABLE"}]}`)
	require.Equal(t, http.StatusOK, status, body)
	assert.Contains(t, body, `"status": "ENABLE"`)
	got := cloud.Instances()[1]
	assert.True(t, got.NullLists)
	assert.Equal(t, []tencent.Link{{VPC: "vpc-1", Status: "Running", IP: "10.0.0.9"}}, got.Links)
	assert.Equal(t, []tencent.DNSRecord{{VPC: "vpc-1", IP: "10.0.0.9", Public: true, Region: "ap-guangzhou", Status: "ENABLE"}}, got.DNS)
}

func TestCallsAndTokens(t *testing.T) {
	t.Parallel()
	cloud := start(t)
	response, err := http.Post(cloud.Endpoint(), "application/json", strings.NewReader("{}"))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	_, body := ask(t, cloud, "GET", "/calls", "")
	var calls []map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &calls))
	require.Len(t, calls, 1)
	assert.Equal(t, "AuthFailure.InvalidAuthorization", calls[0]["code"])
	_, body = ask(t, cloud, "GET", "/calls?action=CreateInstanceToken", "")
	assert.JSONEq(t, `[]`, body)

	status, body := ask(t, cloud, "PUT", "/token-lifetime", `{"lifetime":"20s"}`)
	assert.Equal(t, http.StatusOK, status, body)
	_, body = ask(t, cloud, "POST", "/pull-token", "")
	assert.True(t, strings.HasPrefix(body, cloud.DefaultIdentity().UIN+":ey"))
}

func TestMistakesAreAnsweredWithWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	cloud := start(t)
	tests := map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"no such request":         {"GET", "/fault", "", 404, "GET / lists them"},
		"no such method":          {"POST", "/faults", "", 404, "GET / lists them"},
		"no such action":          {"PUT", "/faults/CreateToken", `{"hang":true}`, 404, "CreateInstanceToken"},
		"no such fault":           {"PUT", "/faults/*", `{"hung":true}`, 400, `unknown field \"hung\"`},
		"an empty fault":          {"PUT", "/faults/*", `{"times":3}`, 400, "nothing would go wrong"},
		"no duration":             {"PUT", "/faults/*", `{"latency":"2 seconds"}`, 400, "1500ms"},
		"a duration as a number":  {"PUT", "/faults/*", `{"latency":2}`, 400, "want for example"},
		"no HTTP status":          {"PUT", "/faults/*", `{"status":42}`, 400, "between 200 and 599"},
		"negative times":          {"PUT", "/faults/*", `{"hang":true,"times":-1}`, 400, "want 0 for ever"},
		"no JSON":                 {"PUT", "/faults/*", `hang`, 400, "want for example"},
		"no fault to end":         {"DELETE", "/faults/*", "", 404, "has no fault"},
		"no such action to list":  {"GET", "/calls?action=x", "", 404, "CreateInstanceToken"},
		"no lifetime":             {"PUT", "/token-lifetime", `{}`, 400, "at least 1s"},
		"a misspelt lifetime":     {"PUT", "/token-lifetime", `{"life":"1s"}`, 400, `{\"lifetime\": \"20s\"}`},
		"no such identity":        {"POST", "/identities/AKIDnobody/revoke", "", 404, "GET /identities"},
		"no such command":         {"POST", "/identities/AKIDnobody/delete", "", 404, "revoke and restore"},
		"an ill-formed instance":  {"PUT", "/instances/demo", `{"name":"demo"}`, 400, "tcr-m3ut3qxx"},
		"two names of one":        {"PUT", "/instances/tcr-other000", `{"id":"tcr-x","name":"other"}`, 400, "the path about"},
		"no such instance":        {"DELETE", "/instances/tcr-x", "", 404, "GET /instances"},
		"an image without a home": {"POST", "/images", `{"ref":"nobody.tencentcloudcr.com/team/hello:1"}`, 400, "add it first"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := ask(t, cloud, test.method, test.path, test.body)
			assert.Equal(t, test.status, status)
			assert.Contains(t, body, test.says)
			assert.Contains(t, body, `"error"`)
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	status, body := ask(t, start(t), "GET", "/", "")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, admin.Help, body)
}
