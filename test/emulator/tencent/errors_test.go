package tencent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	sdkhttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// wire is a transport that changes requests after the SDK has signed them,
// and keeps the last answer.
type wire struct {
	tamper func(*http.Request)
	next   http.RoundTripper

	mu     sync.Mutex
	status int
	header http.Header
	body   []byte
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.tamper != nil {
		r = r.Clone(r.Context())
		w.tamper(r)
	}
	response, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status, w.header, w.body = response.StatusCode, response.Header, body
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

func setHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func setBody(body string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.GetBody = nil
	}
}

// send calls an action with any parameters, as a newer SDK than ours would.
func send(t *testing.T, cloud *tencent.Cloud, w *wire, credential common.CredentialIface, region, version, action string, parameters map[string]any) error {
	t.Helper()
	c := clientWith(t, cloud, credential, region)
	w.next = http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(w.next.(*http.Transport).CloseIdleConnections)
	c.WithHttpTransport(w)
	request := sdkhttp.NewCommonRequest("tcr", version, action)
	request.SetContext(t.Context())
	require.NoError(t, request.SetActionParameters(parameters))
	return c.Send(request, sdkhttp.NewCommonResponse())
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	ids := map[string]any{"RegistryId": demoID}
	tests := map[string]struct {
		code string
		says string // in the message

		// What differs from a good CreateInstanceToken.
		options    tencent.Options
		cloud      func(*tencent.Cloud)
		identity   func(*tencent.Identity)
		sessionKey string
		region     string
		version    string
		action     string
		parameters map[string]any
		tamper     func(*http.Request)
		repeat     int // calls before the one that counts
	}{
		"an unknown SecretId":                {code: "AuthFailure.SecretIdNotFound", identity: func(i *tencent.Identity) { i.SecretID = "AKIDnobody" }},
		"a revoked identity":                 {code: "AuthFailure.SecretIdNotFound", cloud: func(c *tencent.Cloud) { c.Revoke(c.DefaultIdentity().SecretID) }},
		"a wrong key":                        {code: "AuthFailure.SignatureFailure", identity: func(i *tencent.Identity) { i.SecretKey += "x" }},
		"a body changed on the way":          {code: "AuthFailure.SignatureFailure", tamper: setBody(`{"RegistryId":"tcr-other000"}`)},
		"a content type changed on the way":  {code: "AuthFailure.SignatureFailure", tamper: setHeader("Content-Type", "application/json; charset=utf-8")},
		"a host changed on the way":          {code: "AuthFailure.SignatureFailure", tamper: func(r *http.Request) { r.Host = "tcr.tencentcloudapi.com" }},
		"a query added on the way":           {code: "AuthFailure.SignatureFailure", tamper: func(r *http.Request) { r.URL.RawQuery = "a=b" }},
		"a timestamp changed on the way":     {code: "AuthFailure.SignatureFailure", tamper: func(r *http.Request) { r.Header.Set("X-TC-Timestamp", timestamp(time.Minute)) }},
		"a clock six minutes behind":         {code: "AuthFailure.SignatureExpire", options: tencent.Options{Now: func() time.Time { return time.Now().Add(6 * time.Minute) }}},
		"a clock six minutes ahead":          {code: "AuthFailure.SignatureExpire", options: tencent.Options{Now: func() time.Time { return time.Now().Add(-6 * time.Minute) }}},
		"no timestamp":                       {code: "MissingParameter", says: "`Timestamp`", tamper: func(r *http.Request) { r.Header.Del("X-TC-Timestamp") }},
		"a session token with a lasting key": {code: "AuthFailure.TokenFailure", sessionKey: "x"},
		"no signature":                       {code: "AuthFailure.InvalidAuthorization", tamper: func(r *http.Request) { r.Header.Del("Authorization") }},
		"a signature skipped":                {code: "AuthFailure.InvalidAuthorization", tamper: setHeader("Authorization", "SKIP")},
		"a path, which is not signed":        {tamper: func(r *http.Request) { r.URL.Path = "/gateway" }},
		"an unknown action":                  {code: "InvalidAction", says: "`CreateInstanceTokens`", action: "CreateInstanceTokens"},
		"an action of another service":       {code: "InvalidAction", action: "GetCallerIdentity"},
		"no action":                          {code: "MissingParameter", says: "`Action`", tamper: func(r *http.Request) { r.Header.Del("X-TC-Action") }},
		"an unknown version":                 {code: "NoSuchVersion", says: "`2019-09-25`", version: "2019-09-25"},
		"an unknown region":                  {code: "UnsupportedRegion", says: "`mars-olympus`", region: "mars-olympus"},
		"no region":                          {code: "MissingParameter", says: "`Region`", tamper: func(r *http.Request) { r.Header.Del("X-TC-Region") }},
		"GET":                                {code: "UnsupportedProtocol", tamper: func(r *http.Request) { r.Method = http.MethodGet }},
		"no instance":                        {code: "MissingParameter", says: "`RegistryId`", parameters: map[string]any{}},
		"a parameter nobody knows":           {code: "UnknownParameter", says: "`Registryid`", parameters: map[string]any{"Registryid": demoID}},
		"a parameter of another type":        {code: "InvalidParameter", says: "`RegistryId`", parameters: map[string]any{"RegistryId": 1}},
		"a token type nobody knows":          {code: "InvalidParameter", says: "TokenType", parameters: map[string]any{"RegistryId": demoID, "TokenType": "eternal"}},
		"no such instance":                   {code: "ResourceNotFound.TcrResourceNotFound", parameters: map[string]any{"RegistryId": "tcr-nowhere0"}},
		"no such instance, the other way":    {code: "InternalError.DbError", options: tencent.Options{UnknownInstance: "InternalError.DbError"}, parameters: map[string]any{"RegistryId": "tcr-nowhere0"}},
		"no such instance, described":        {code: "InternalError.DbError", action: "DescribeInternalEndpoints", parameters: map[string]any{"RegistryId": "tcr-nowhere0"}},
		"no such instance, to be linked":     {code: "ResourceNotFound", action: "ManageInternalEndpoint", parameters: map[string]any{"RegistryId": "tcr-nowhere0"}},
		"an isolated instance":               {code: "UnsupportedOperation", says: "Isolate", cloud: func(c *tencent.Cloud) { c.AddInstance(tencent.Instance{ID: demoID, Name: "demo", Status: "Isolate"}) }},
		"an action that is not allowed": {code: "UnauthorizedOperation", cloud: allow("tcr:DescribeInstances"),
			says: "you are not authorized to perform operation (tcr:CreateInstanceToken)\nresource (qcs::tcr:ap-guangzhou:uin/100000000001:instance/tcr-m3ut3qxx) has no permission"},
		"an instance that is not allowed": {code: "UnauthorizedOperation", says: "instance/tcr-other000", parameters: map[string]any{"RegistryId": "tcr-other000"},
			cloud: func(c *tencent.Cloud) {
				i := c.DefaultIdentity()
				i.Policy = &tencent.Policy{Statement: []tencent.Statement{{Effect: "allow", Action: []string{"*"}, Resource: []string{"qcs::tcr:::instance/" + demoID}}}}
				c.AddIdentity(i)
			}},
		"an action that is denied":          {code: "UnauthorizedOperation", cloud: deny("tcr:CreateInstanceToken")},
		"the second domain within a second": {code: "RequestLimitExceeded", says: "frequency limit `1`", action: "CreateInstanceCustomizedDomain", repeat: 1},
		"the 21st listing within a second":  {code: "RequestLimitExceeded", says: "frequency limit `20`", action: "DescribeInstances", repeat: 20, parameters: map[string]any{}},
		"the 101st token within a second":   {code: "RequestLimitExceeded", says: "frequency limit `100`", repeat: 100},
		"the 101st without limits":          {options: tencent.Options{NoLimits: true}, repeat: 100},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.repeat > 0 { // the bucket must not fill again while the test runs
				stopped := time.Now()
				test.options.Now = func() time.Time { return stopped }
			}
			cloud := start(t, test.options)
			if test.cloud != nil {
				test.cloud(cloud)
			}
			identity := cloud.DefaultIdentity()
			if test.identity != nil {
				test.identity(&identity)
			}
			if test.parameters == nil {
				test.parameters = ids
			}
			w := &wire{tamper: test.tamper}
			var err error
			for range test.repeat + 1 {
				err = send(t, cloud, w, common.NewTokenCredential(identity.SecretID, identity.SecretKey, test.sessionKey),
					orElse(test.region, region), orElse(test.version, "2019-09-24"), orElse(test.action, "CreateInstanceToken"), test.parameters)
			}
			checkCode(t, w, err, test.code, test.says)
			calls := cloud.Calls("")
			require.Len(t, calls, test.repeat+1)
			assert.Equal(t, test.code, calls[test.repeat].Code, "in the log of calls")
		})
	}
}

// checkCode expects an error code in the envelope, with HTTP status 200.
func checkCode(t *testing.T, w *wire, err error, code, says string) {
	t.Helper()
	assert.Equal(t, http.StatusOK, w.status)
	assert.Equal(t, "application/json", w.header.Get("Content-Type"))
	var envelope struct{ Response struct{ RequestId string } }
	require.NoError(t, json.Unmarshal(w.body, &envelope))
	assert.Regexp(t, `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, envelope.Response.RequestId)
	if code == "" {
		require.NoError(t, err)
		return
	}
	var e *sdkerrors.TencentCloudSDKError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, code, e.Code)
	assert.Equal(t, envelope.Response.RequestId, e.RequestId)
	assert.Contains(t, e.Message, says)
}

func timestamp(ahead time.Duration) string {
	return strconv.FormatInt(time.Now().Add(ahead).Unix(), 10)
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// allow leaves the default identity these actions and no other.
func allow(actions ...string) func(*tencent.Cloud) {
	return func(c *tencent.Cloud) {
		i := c.DefaultIdentity()
		i.Actions = actions
		c.AddIdentity(i)
	}
}

func deny(actions ...string) func(*tencent.Cloud) {
	return func(c *tencent.Cloud) {
		i := c.DefaultIdentity()
		i.Denied = actions
		c.AddIdentity(i)
	}
}

func TestTheDateHeaderTellsTheServersTime(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{Now: func() time.Time { return time.Now().Add(time.Hour) }})
	i := cloud.DefaultIdentity()
	w := &wire{}
	require.ErrorContains(t, send(t, cloud, w, common.NewCredential(i.SecretID, i.SecretKey), region, "2019-09-24", "DescribeInstances", nil), "SignatureExpire")
	date, err := http.ParseTime(w.header.Get("Date"))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(time.Hour), date, time.Minute)
}
