package tencent_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

func tokenRequest() *sdk.CreateInstanceTokenRequest {
	request := sdk.NewCreateInstanceTokenRequest()
	request.RegistryId = common.StringPtr(demoID)
	return request
}

// TestWhatTheSDKMakesOfFaults is what the project's error handling relies on.
func TestWhatTheSDKMakesOfFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault tencent.Fault
		code  string // of the SDK's error; empty: no error
		quote string // in the SDK's message
		calls string // code in the log of calls
	}{
		"an API error":               {fault: tencent.Fault{Code: "InternalError", Message: "boom"}, code: "InternalError", quote: "boom", calls: "InternalError"},
		"a sub-code":                 {fault: tencent.Fault{Code: "RequestLimitExceeded.UinLimitExceeded"}, code: "RequestLimitExceeded.UinLimitExceeded", calls: "RequestLimitExceeded.UinLimitExceeded"},
		"an API error with a 503":    {fault: tencent.Fault{Code: "InternalError", Status: 503}, code: "InternalError", calls: "InternalError"},
		"a bad gateway":              {fault: tencent.Fault{Status: 502}, code: "ClientError.ParseJsonError", quote: "<h1>502 Bad Gateway</h1>"},
		"HTML with 200":              {fault: tencent.Fault{Body: "<html>MARKER"}, code: "ClientError.ParseJsonError", quote: "<html>MARKER"},
		"half an answer":             {fault: tencent.Fault{Body: `{"Response":{"Token":"MARKER`, ContentType: "application/json"}, code: "ClientError.ParseJsonError", quote: "MARKER"},
		"a 500 with other JSON":      {fault: tencent.Fault{Status: 500, Body: `{"MARKER":1}`}, code: "ClientError.HttpStatusCodeError", quote: "MARKER"},
		"a connection closed":        {fault: tencent.Fault{Drop: true}, code: "ClientError.NetworkError"},
		"the token's types mixed up": {fault: tencent.Fault{WrongTypes: true}, code: "ClientError.ParseJsonError", quote: `"Token":42`},
		"null for every field":       {fault: tencent.Fault{NullFields: true}},
		"an empty response":          {fault: tencent.Fault{Body: `{"Response":{}}`}},
		"latency":                    {fault: tencent.Fault{Latency: time.Millisecond}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cloud := start(t, tencent.Options{})
			cloud.SetFault("CreateInstanceToken", test.fault)
			response, err := client(t, cloud, cloud.DefaultIdentity()).CreateInstanceTokenWithContext(t.Context(), tokenRequest())
			calls := cloud.Calls("CreateInstanceToken")
			require.Len(t, calls, 1)
			assert.Equal(t, test.calls, calls[0].Code)
			assert.Equal(t, !test.fault.Drop, calls[0].Answered)
			if test.code == "" {
				require.NoError(t, err)
				if test.fault.NullFields || test.fault.Body != "" {
					assert.Nil(t, response.Response.Token)
					assert.Nil(t, response.Response.ExpTime)
				}
				return
			}
			var e *sdkerrors.TencentCloudSDKError
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.code, e.Code)
			assert.Contains(t, e.Message, test.quote)
		})
	}
}

func TestAFaultForAFewCallsAndOneForAllOthers(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	c := client(t, cloud, cloud.DefaultIdentity())
	cloud.SetFault("CreateInstanceToken", tencent.Fault{Code: "InternalError", Times: 2})
	cloud.SetFault("", tencent.Fault{Code: "RequestLimitExceeded"})

	var codes []string
	for range 3 {
		_, err := c.CreateInstanceTokenWithContext(t.Context(), tokenRequest())
		var e *sdkerrors.TencentCloudSDKError
		require.ErrorAs(t, err, &e)
		codes = append(codes, e.Code)
	}
	assert.Equal(t, []string{"InternalError", "InternalError", "RequestLimitExceeded"}, codes)
	assert.Len(t, cloud.Faults(), 2)

	assert.True(t, cloud.ClearFault("*"))
	assert.False(t, cloud.ClearFault("*"))
	_, err := c.CreateInstanceTokenWithContext(t.Context(), tokenRequest())
	require.NoError(t, err)
	cloud.ClearFaults()
	assert.Empty(t, cloud.Faults())
}

func TestAHangEndsWithTheCallerOrTheFault(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	c := client(t, cloud, cloud.DefaultIdentity())
	cloud.SetFault("*", tencent.Fault{Hang: true})

	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.CreateInstanceTokenWithContext(impatient, tokenRequest())
	require.ErrorIs(t, err, context.DeadlineExceeded)

	done := make(chan error, 1)
	go func() {
		_, err := c.CreateInstanceTokenWithContext(t.Context(), tokenRequest())
		done <- err
	}()
	require.Eventually(t, func() bool { return len(cloud.Calls("CreateInstanceToken")) == 2 }, 10*time.Second, time.Millisecond)
	assert.False(t, cloud.Calls("CreateInstanceToken")[1].Answered, "in flight")
	cloud.ClearFaults()
	require.NoError(t, <-done)
}

func TestCloseCutsAHangingCall(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	c := client(t, cloud, cloud.DefaultIdentity())
	cloud.SetFault("*", tencent.Fault{Latency: time.Hour})
	done := make(chan error, 1)
	go func() {
		_, err := c.CreateInstanceTokenWithContext(t.Context(), tokenRequest())
		done <- err
	}()
	require.Eventually(t, func() bool { return len(cloud.Calls("")) == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, cloud.Close())
	t.Logf("cut off or answered, but ended: %v", <-done)
}

func TestTheLogOfCalls(t *testing.T) {
	t.Parallel()
	cloud := start(t, tencent.Options{})
	_ = token(t, client(t, cloud, cloud.DefaultIdentity()), "temp")
	_, err := client(t, cloud, tencent.Identity{SecretID: "AKIDnobody", SecretKey: "x"}).CreateInstanceTokenWithContext(t.Context(), tokenRequest())
	require.Error(t, err)

	calls := cloud.Calls("CreateInstanceToken")
	require.Len(t, calls, 2)
	good := calls[0]
	assert.Equal(t, "tcr", good.Service)
	assert.Equal(t, region, good.Region)
	assert.Equal(t, "2019-09-24", good.Version)
	assert.Equal(t, cloud.DefaultIdentity().SecretID, good.SecretID)
	assert.Equal(t, cloud.DefaultIdentity().UIN, good.UIN)
	assert.Equal(t, map[string]any{"RegistryId": demoID, "TokenType": "temp"}, good.Params)
	assert.True(t, good.Answered)
	assert.Equal(t, 200, good.Status)
	assert.Empty(t, good.Code)
	assert.WithinDuration(t, time.Now(), good.Time, time.Minute)

	assert.Equal(t, "AKIDnobody", calls[1].SecretID)
	assert.Empty(t, calls[1].UIN)
	assert.Equal(t, "AuthFailure.SecretIdNotFound", calls[1].Code)
	assert.Empty(t, cloud.Calls("DescribeInstances"))
	assert.Len(t, cloud.Calls(""), 2)
}
