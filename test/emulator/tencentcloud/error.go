package tencentcloud

import "fmt"

// Error is an API error: it travels in the envelope with HTTP status 200.
type Error struct {
	Code    string
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes an Error.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// The codes every action may answer, in the words of the real service where
// they are public.
var (
	errInvalidAuthorization = &Error{"AuthFailure.InvalidAuthorization", "The `Authorization` header of the request does not comply with the TC3-HMAC-SHA256 standard."}
	errSecretIDNotFound     = &Error{"AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that your SecretId is correct."}
	errSignatureFailure     = &Error{"AuthFailure.SignatureFailure", "The provided credentials could not be validated. Please check your signature is correct."}
	errSignatureExpire      = &Error{"AuthFailure.SignatureExpire", "The provided credentials could not be validated because your request has expired. Please check your system time."}
	errTokenFailure         = &Error{"AuthFailure.TokenFailure", "The provided token could not be validated. Please check your token is correct and has not expired."}
	errUnsupportedProtocol  = &Error{"UnsupportedProtocol", "This emulator serves POST with a JSON body only."}
)

func errInvalidAction(action string) *Error {
	return Errorf("InvalidAction", "The request action=`%s` is invalid or not found.", action)
}

func errNoSuchVersion(version string) *Error {
	return Errorf("NoSuchVersion", "The request version=`%s` does not exist.", version)
}

func errUnsupportedRegion(region string) *Error {
	return Errorf("UnsupportedRegion", "The request region=`%s` is not supported.", region)
}

func errMissing(name string) *Error {
	return Errorf("MissingParameter", "The request is missing a required parameter `%s`.", name)
}

func errUnknownParameter(name string) *Error {
	return Errorf("UnknownParameter", "The parameter `%s` is not recognized.", name)
}

func errInvalidParameter(what string) *Error {
	return Errorf("InvalidParameter", "%s", what)
}

func errRequestLimit(limit float64) *Error {
	return Errorf("RequestLimitExceeded",
		"Your current request times equals to `%d` in a second, which exceeds the frequency limit `%d` for a second. Please reduce the frequency of calls.",
		int(limit)+1, int(limit))
}

// errUnauthorized names the action and the resource, as the real service does.
func errUnauthorized(requestID, action, resource string) *Error {
	return Errorf("UnauthorizedOperation",
		"You are not authorized to perform this operation. Check your CAM policies, and ensure that you are using the correct access keys. "+
			"[[request id:%s]you are not authorized to perform operation (%s)\nresource (%s) has no permission\n]",
		requestID, action, resource)
}
