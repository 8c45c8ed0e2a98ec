package tcr

import (
	"regexp"
	"slices"
	"strings"
)

// An API error's code and request id come from the network. What does not
// look like one is not shown: it may be anything, a token included.
var (
	codePattern    = regexp.MustCompile(`^[A-Za-z0-9.]{1,128}$`)
	requestPattern = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
)

// cleanCode is code if it looks like one, or "".
func cleanCode(code string) string {
	if !codePattern.MatchString(code) {
		return ""
	}
	return code
}

// cleanRequest is a request id if it looks like one, or "".
func cleanRequest(id string) string {
	if !requestPattern.MatchString(id) {
		return ""
	}
	return id
}

// within reports whether code is one of families or a sub-code of one.
func within(code string, families ...string) bool {
	family, _, _ := strings.Cut(code, ".")
	return slices.Contains(families, family)
}

// label is code as the value of a metric label: the codes that call for
// different actions as they are, the others by their family, and all that is
// not documented as "Other", so that no server can make up series.
func label(code string) string {
	family, _, _ := strings.Cut(code, ".")
	switch code {
	case "AuthFailure.SignatureExpire", "AuthFailure.SignatureFailure", "AuthFailure.SecretIdNotFound", "AuthFailure.TokenFailure",
		"ClientError.NetworkError", "ClientError.ParseJsonError", "ClientError.HttpStatusCodeError", "InternalError.DbError":
		return code
	}
	switch family {
	case "AuthFailure", "UnauthorizedOperation", "OperationDenied", "ResourceNotFound", "ResourceInsufficient", "ResourceUnavailable",
		"RequestLimitExceeded", "LimitExceeded", "InternalError", "FailedOperation", "InvalidParameter", "InvalidParameterValue",
		"MissingParameter", "UnknownParameter", "UnsupportedOperation", "UnsupportedRegion", "InvalidAction", "NoSuchVersion",
		"ActionOffline", "ClientError":
		return family
	default:
		return "Other"
	}
}
