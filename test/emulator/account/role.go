package account

import (
	"fmt"
	"slices"
	"time"
)

// Role is what AssumeRole and AssumeRoleWithWebIdentity hand out temporary
// credentials for. What user name the real service puts into a role's pull
// tokens is not known, so here it is a number of the role's own: nobody can
// come to rely on a guess.
type Role struct {
	Name     string // as in qcs::cam::uin/<OwnerUIN>:roleName/<Name>
	UIN      string // user name of its pull tokens; empty: made up
	OwnerUIN string // empty: the Book's

	// Trust.
	UINs      []string // sub-accounts that may AssumeRole; empty: all of the owner
	Providers []string // identity providers (TKE: the cluster id) that may assume it with a web identity
	Audience  string   // the web identity's "aud"; empty: sts.cloud.tencent.com

	// Rights, as in Identity.
	Actions []string
	Denied  []string
	Policy  *Policy

	id string // 4611686018427xxxxxx
}

// DefaultAudience is what TKE's pod identity asks its tokens for.
const DefaultAudience = "sts.cloud.tencent.com"

// ARN is the name under which the role is assumed.
func (r Role) ARN() string { return fmt.Sprintf("qcs::cam::uin/%s:roleName/%s", r.OwnerUIN, r.Name) }

// Allows reports whether a session of the role may perform action on resource.
func (r Role) Allows(action, resource string) bool {
	return allows(r.Actions, r.Denied, r.Policy, action, resource)
}

// trusts reports whether the sub-account may assume the role.
func (r Role) trusts(uin string) bool { return len(r.UINs) == 0 || slices.Contains(r.UINs, uin) }

// Session is a set of temporary credentials of a role.
type Session struct {
	SecretID  string
	SecretKey string
	Token     string
	Expires   time.Time

	life    time.Duration
	role    string // the ARN
	name    string // RoleSessionName
	creator string // UIN of who assumed it; for a web identity the owner's
}
