package tcr

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

var classes = []error{
	token.ErrDenied, token.ErrNotFound, token.ErrBadRequest, token.ErrClockSkew, token.ErrThrottled, token.ErrUnclear,
}

// classify translates an error of TCR's own actions.
func classify(action string, id registry.ID, err error) error {
	return translate(action, string(id), err, func(code string) (string, error) { return interpret(code, action, id) })
}

func TestClassify(t *testing.T) {
	t.Parallel()
	const right = "the identity needs tcr:CreateInstanceToken on qcs::tcr:::instance/tcr-m3ut3qxx"
	for code, tc := range map[string]struct {
		classes []error
		says    string
	}{
		"UnauthorizedOperation":                 {[]error{token.ErrDenied}, right},
		"UnauthorizedOperation.CamNoAuth":       {[]error{token.ErrDenied}, right},
		"AuthFailure.UnauthorizedOperation":     {[]error{token.ErrDenied}, right},
		"AuthFailure.SignatureFailure":          {[]error{token.ErrDenied}, "the SecretKey does not belong to the SecretId"},
		"AuthFailure.SecretIdNotFound":          {[]error{token.ErrDenied}, "the SecretId does not exist, or is disabled"},
		"AuthFailure.TokenFailure":              {[]error{token.ErrDenied}, "session token has expired"},
		"AuthFailure.MFAFailure":                {[]error{token.ErrDenied}, ""},
		"OperationDenied":                       {[]error{token.ErrDenied}, ""},
		"AuthFailure.SignatureExpire":           {[]error{token.ErrClockSkew}, "our clock is more than five minutes off"},
		"ResourceNotFound":                      {[]error{token.ErrNotFound}, "check the instance id"},
		"ResourceNotFound.TcrResourceNotFound":  {[]error{token.ErrNotFound}, "check the instance id"},
		"InvalidParameter":                      {[]error{token.ErrBadRequest}, ""},
		"InvalidParameterValue.X":               {[]error{token.ErrBadRequest}, ""},
		"MissingParameter":                      {[]error{token.ErrBadRequest}, ""},
		"UnknownParameter":                      {[]error{token.ErrBadRequest}, ""},
		"UnsupportedOperation":                  {[]error{token.ErrBadRequest}, ""},
		"UnsupportedRegion":                     {[]error{token.ErrBadRequest}, "check the region"},
		"InvalidAction":                         {[]error{token.ErrBadRequest}, ""},
		"RequestLimitExceeded":                  {[]error{token.ErrThrottled}, ""},
		"RequestLimitExceeded.UinLimitExceeded": {[]error{token.ErrThrottled}, ""},
		"InternalError.DbError":                 {[]error{token.ErrUnclear}, "check the instance id"},
		"FailedOperation.ErrorGetDBDataError":   {[]error{token.ErrUnclear}, "check the instance id"},
		"InternalError":                         {nil, ""},
		"InternalError.Unknown":                 {nil, ""},
		"FailedOperation":                       {nil, ""},
		"ResourceInsufficient":                  {nil, ""},
		"ClientError.HttpStatusCodeError":       {nil, ""},
		"ClientError.ParseJsonError":            {nil, ""},
		"ClientError.NetworkError":              {nil, "the answer cannot be read"},
		"UnauthorizedOperationLookAlike":        {nil, ""},
		"SomethingNew.OfTomorrow":               {nil, ""},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			err := classify(createToken, demo, failure(code, "5c0e61d7-9f2a"))
			var is []error
			for _, class := range classes {
				if errors.Is(err, class) {
					is = append(is, class)
				}
			}
			assert.Equal(t, tc.classes, is)
			assert.ErrorContains(t, err, "CreateInstanceToken for tcr-m3ut3qxx: ")
			assert.ErrorContains(t, err, code+" (request 5c0e61d7-9f2a)")
			assert.ErrorContains(t, err, tc.says)
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "MARKER")
			var raw *sdkerrors.TencentCloudSDKError
			assert.NotErrorAs(t, err, &raw, "the SDK's error can be reached, and its message with it")
		})
	}
}

func TestClassifyShowsNoCodeThatIsNone(t *testing.T) {
	t.Parallel()
	for _, foreign := range []string{marker, "two words", "Ünicode", "line\nbreak", strings.Repeat("a", 129), "<html>"} {
		err := classify(createToken, demo, failure(foreign, foreign))
		assert.EqualError(t, err, "CreateInstanceToken for tcr-m3ut3qxx: the answer cannot be read")
	}
}

func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"UnauthorizedOperation":          "UnauthorizedOperation",
		"UnauthorizedOperation.Whatever": "UnauthorizedOperation",
		"AuthFailure.SignatureExpire":    "AuthFailure.SignatureExpire",
		"AuthFailure.Whatever":           "AuthFailure",
		"ClientError.NetworkError":       "ClientError.NetworkError",
		"InternalError.Whatever":         "InternalError",
		"NotInAnyDocument":               "Other",
		"OK":                             "Other",
		marker:                           "Other",
		"":                               "Other",
	} {
		assert.Equal(t, want, label(code), "label of %q", code)
	}
}

func TestNetworkErrorsAreToldApartWithoutTheirText(t *testing.T) {
	t.Parallel()
	for want, cause := range map[string]error{
		"the API's host name does not resolve":                              &net.DNSError{Err: marker, Name: marker},
		"the API's address refuses connections":                             &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"there is no route to the API's address":                            &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH},
		"the API's certificate is not trusted":                              &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		"the API's address does not speak TLS":                              tls.RecordHeaderError{Msg: marker},
		"the API did not answer in time":                                    &net.OpError{Op: "dial", Err: syscall.ETIMEDOUT},
		"the connection to the API broke":                                   io.ErrUnexpectedEOF,
		"the answer cannot be read":                                         errors.New("malformed HTTP response " + marker),
		"the address answers with a redirect, which the API never does":     errRedirect,
		"the answer is compressed in a way that was not asked for":          errEncoding,
		"context deadline exceeded: ClientError.NetworkError: the API did":  context.DeadlineExceeded,
		"CreateInstanceToken for tcr-m3ut3qxx: context canceled: ClientErr": context.Canceled,
	} {
		sent := &url.Error{Op: "Post", URL: "https://" + marker, Err: cause}
		err := classify(createToken, demo, sdkerrors.NewTencentCloudSDKErrorWithCause("ClientError.NetworkError", marker, "", sent))
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "MARKER")
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"UnauthorizedOperation", "InternalError.DbError", "5c0e61d7-9f2a", marker, "", "a\n", "a b", "ä"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, cleaned := range []struct {
			got, allowed string
			limit        int
		}{
			{cleanCode(s), ".", 128}, {cleanRequest(s), "-", 64},
		} {
			if cleaned.got != "" {
				require.Equal(t, s, cleaned.got)
				require.LessOrEqual(t, len(s), cleaned.limit)
			}
			for _, r := range cleaned.got {
				alnum := r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
				require.True(t, alnum || strings.ContainsRune(cleaned.allowed, r), "%q came through", r)
			}
		}
		require.LessOrEqual(t, len(label(s)), 40)
	})
}
