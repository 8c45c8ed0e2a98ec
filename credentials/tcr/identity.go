package tcr

import (
	"context"

	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// Credentials sign the calls of one identity.
type Credentials struct {
	SecretID  token.Secret
	SecretKey token.Secret
	// SessionToken belongs to temporary credentials, and is empty for lasting
	// ones.
	SessionToken token.Secret
}

// Identity gives the credentials to sign a call with, anew for each call, so
// that they may change while we run.
type Identity interface {
	// Credentials returns some that work as far as is known, or an error of
	// our own words by the time the context ends.
	Credentials(context.Context) (Credentials, error)
	// Refused tells that the API takes these no longer, so that temporary ones
	// are made anew the next time.
	Refused(Credentials)
}

// node is one way to be somebody. Ways are put on top of each other: a role is
// assumed by another identity.
type node interface {
	Identity
	// String says who it is in words that hold no secret.
	String() string
	// check finds what only a person can mend, without a call.
	check() error
	// retry ends the pause after a failure, for when its cause may be gone.
	retry()
}
