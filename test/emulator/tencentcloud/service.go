package tencentcloud

import (
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/account"
)

// Service is one API: its name in signatures and host names, its version and
// what it can do.
type Service struct {
	Name    string // "tcr"
	Version string // "2019-09-24"
	Global  bool   // takes requests without a region
	Actions map[string]Action
}

// Action is one operation.
type Action struct {
	Rate     float64 // requests a second and account
	Unsigned bool    // takes requests with "Authorization: SKIP"
	Run      func(*Request) (Fields, error)
}

// Fields are the members of an answer, without RequestId.
type Fields map[string]any

// Request is a call that passed signature and rate limit.
type Request struct {
	ID      string // the RequestId of the answer
	Service string
	Action  string
	Region  string
	Time    time.Time
	Caller  account.Caller // zero for an unsigned action

	body []byte
}

// Decode reads the parameters strictly: names in their exact spelling, no
// unknown ones, the right types. Its errors are *Error.
func (r *Request) Decode(into any) error {
	err := json.Unmarshal(r.body, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return errInvalidParameter("The request body is not valid JSON.")
	}
	name := strings.ReplaceAll(strings.TrimPrefix(string(semantic.JSONPointer), "/"), "/", ".")
	if errors.Is(err, json.ErrUnknownName) {
		return errUnknownParameter(name)
	}
	return errInvalidParameter("The type of the parameter `" + name + "` is wrong.")
}

// Authorize checks that the caller may perform the request's action on a
// resource, such as "instance/tcr-m3ut3qxx".
func (r *Request) Authorize(resource string) error {
	action := r.Service + ":" + r.Action
	name := "qcs::" + r.Service + ":" + r.Region + ":uin/" + r.Caller.OwnerUIN + ":" + resource
	if !r.Caller.Allows(action, name) {
		return errUnauthorized(r.ID, action, name)
	}
	return nil
}

// Missing answers that a required parameter is missing.
func Missing(name string) error { return errMissing(name) }

// Invalid answers that a parameter is wrong, and why.
func Invalid(what string) error { return errInvalidParameter(what) }
