package tcr

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// apiError is a failed call in our own words.
type apiError struct {
	action  string
	subject string // what the call was about: an instance, a role
	code    string // the API's, or "" if it gave none that is fit to be shown
	request string // likewise
	meaning string // what it means for us, and what to do; may be empty
	causes  []error
}

// Error implements error: "CreateInstanceToken for tcr-m3ut3qxx: access
// denied: UnauthorizedOperation (request 7c1f…): the identity needs …".
func (e *apiError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s for %s", e.action, e.subject)
	for _, cause := range e.causes {
		fmt.Fprintf(&b, ": %s", cause)
	}
	if e.code != "" {
		fmt.Fprintf(&b, ": %s", e.code)
	}
	if e.request != "" {
		fmt.Fprintf(&b, " (request %s)", e.request)
	}
	if e.meaning != "" {
		fmt.Fprintf(&b, ": %s", e.meaning)
	}
	return b.String()
}

// Unwrap gives the class of the error, from package token, and the context's
// error if that ended the call.
func (e *apiError) Unwrap() []error { return e.causes }

// codeOf is the code of an error that the SDK returned, as it came; "" if
// there is none.
func codeOf(err error) string {
	var e *sdkerrors.TencentCloudSDKError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// interpreter says what a code means: what a person has to know or do, and
// the class of error that package token acts on, or nil for what may pass.
type interpreter func(code string) (meaning string, class error)

// translate turns an error of the SDK into ours. It keeps the code and the
// request id and drops the message, which for an answer that the SDK cannot
// read is the answer itself, token and all.
func translate(action, subject string, err error, read interpreter) error {
	ours := &apiError{action: action, subject: subject}
	var e *sdkerrors.TencentCloudSDKError
	if errors.As(err, &e) {
		ours.code, ours.request = cleanCode(e.Code), cleanRequest(e.RequestId)
	}
	meaning, class := read(ours.code)
	if class != nil {
		ours.causes = append(ours.causes, class)
	}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			ours.causes = append(ours.causes, end)
		}
	}
	ours.meaning = meaning
	if meaning == "" && (ours.code == "" || ours.code == "ClientError.NetworkError") {
		ours.meaning = network(err)
	}
	return ours
}

// interpret is the interpreter of TCR's actions. Tencent lists the codes on
// each action's page of its API reference, such as
// cloud.tencent.com/document/api/1141/41571 for CreateInstanceToken.
func interpret(code, action string, id registry.ID) (meaning string, class error) {
	switch {
	case code == "InternalError.DbError", code == "FailedOperation.DbError", code == "FailedOperation.ErrorGetDBDataError":
		return "the API says this of instances that do not exist, too; check the instance id", token.ErrUnclear
	case code == "AuthFailure.UnauthorizedOperation", within(code, "UnauthorizedOperation"):
		return needs(action, id), token.ErrDenied
	case within(code, "ResourceNotFound"):
		return "check the instance id, the region and the account", token.ErrNotFound
	default:
		return interpretCommon(code)
	}
}

// interpretCommon is the interpreter of the codes that every action has, and
// of those that mean the same wherever they come from.
func interpretCommon(code string) (meaning string, class error) {
	switch code {
	case "AuthFailure.SignatureExpire":
		return "our clock is more than five minutes off; set it, for example by NTP", token.ErrClockSkew
	case "AuthFailure.SignatureFailure":
		return "the SecretKey does not belong to the SecretId", token.ErrDenied
	case "AuthFailure.SecretIdNotFound", "AuthFailure.InvalidSecretId":
		return "the SecretId does not exist, or is disabled", token.ErrDenied
	case "AuthFailure.TokenFailure":
		return "the identity's session token has expired or is not valid", token.ErrDenied
	case "UnsupportedRegion":
		return "check the region", token.ErrBadRequest
	}
	switch {
	case within(code, "AuthFailure", "OperationDenied"):
		return "", token.ErrDenied
	case within(code, "RequestLimitExceeded", "LimitExceeded"):
		return "", token.ErrThrottled
	case within(code, "InvalidParameter", "InvalidParameterValue", "MissingParameter", "UnknownParameter", "UnsupportedOperation",
		"InvalidAction", "InvalidRequest", "NoSuchVersion", "ActionOffline"):
		return "", token.ErrBadRequest
	default:
		return "", nil
	}
}

// needs names the right that is missing, as a CAM policy writes it.
func needs(action string, id registry.ID) string {
	return fmt.Sprintf("the identity needs tcr:%s on qcs::tcr:::instance/%s", action, id)
}
