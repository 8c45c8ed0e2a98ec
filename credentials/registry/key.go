package registry

import (
	"log/slog"
	"strings"
)

// Account tells apart the logins of one registry: the fingerprint of the
// identity that asks for them, or the name of the Secret that holds a fixed
// one. It is fit for an annotation, says nothing about the identity itself,
// and is empty for the only one there is.
type Account string

// secretPrefix begins the Account of a fixed login. No fingerprint has a slash.
const secretPrefix = "secret/"

// SecretAccount is the account of the fixed login in a Secret of our own
// namespace.
func SecretAccount(secret string) Account { return Account(secretPrefix + secret) }

// Secret is the name of the Secret that holds the login; ok is false for an
// account that tokens are issued to.
func (a Account) Secret() (name string, ok bool) {
	return strings.CutPrefix(string(a), secretPrefix)
}

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

// LogValue implements slog.LogValuer: a log shows a key as String does.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
