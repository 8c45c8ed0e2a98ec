package tcr

import (
	"context"
	"fmt"
)

// assumedRole is the source of a role's credentials, for another identity
// that the role trusts.
type assumedRole struct {
	sts    *sts
	region string
	role   role
	base   node
}

// String implements source.
func (a *assumedRole) String() string {
	return fmt.Sprintf("role %s, assumed by %s", a.role.name(), a.base)
}

func (a *assumedRole) check() error { return a.base.check() }

// obtain implements source. Where the other identity is temporary too, and
// STS takes its credentials no longer, they are replaced once.
func (a *assumedRole) obtain(ctx context.Context) (temporary, error) {
	got, creds, err := a.once(ctx)
	if endedSession(err, creds) {
		a.base.Refused(creds)
		got, _, err = a.once(ctx)
	}
	return got, err
}

func (a *assumedRole) once(ctx context.Context) (temporary, Credentials, error) {
	creds, err := a.base.Credentials(ctx)
	if err != nil {
		return temporary{}, creds, err
	}
	got, err := a.sts.assume(ctx, a.region, creds, a.role, a.read)
	return got, creds, err
}

func (a *assumedRole) read(code string) (meaning string, class error) {
	return interpretSTS(code, a.role, fmt.Sprintf(
		"the trust policy of the role must name the caller (%s), and the caller needs sts:AssumeRole on %s", a.base, a.role))
}
