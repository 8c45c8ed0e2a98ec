package registry

// Account tells apart the logins of one instance: the fingerprint of the
// identity that asks for them. It is fit for an annotation, says nothing about
// the identity itself, and is empty for the only one there is.
type Account string

// Key names one login: one token is asked for each, whatever the number of
// namespaces that get it.
type Key struct {
	ID      ID
	Account Account
}

// String is the key as logs and error texts name it: the instance alone where
// there is no account to tell apart.
func (k Key) String() string {
	if k.Account == "" {
		return string(k.ID)
	}
	return string(k.ID) + "/" + string(k.Account)
}
