package account

import "fmt"

// Identity is a sub-account with one key. Its pull tokens carry UIN as user
// name and have the rights that it has at the moment of the pull.
type Identity struct {
	SecretID  string
	SecretKey string
	UIN       string // of the sub-account: 12 digits, the user name at the registry
	OwnerUIN  string // of the main account; empty: the Book's

	// Actions are the patterns of what it may do, on every resource:
	// "tcr:CreateInstanceToken", "tcr:Describe*". Empty: everything.
	Actions []string
	// Denied takes away again, on every resource.
	Denied []string
	// Policy replaces Actions with a whole CAM document. Denied still holds.
	Policy *Policy
}

// Allows reports whether the identity may perform action on resource.
func (i Identity) Allows(action, resource string) bool {
	return allows(i.Actions, i.Denied, i.Policy, action, resource)
}

// String names the identity without its key.
func (i Identity) String() string { return fmt.Sprintf("identity %s (uin %s)", i.SecretID, i.UIN) }

// GoString keeps the key out of %#v.
func (i Identity) GoString() string { return i.String() }

func allows(actions, denied []string, policy *Policy, action, resource string) bool {
	if anyMatch(denied, func(p string) bool { return glob(p, action) }) {
		return false
	}
	if policy != nil {
		return policy.Allows(action, resource)
	}
	return len(actions) == 0 || anyMatch(actions, func(p string) bool { return glob(p, action) })
}
