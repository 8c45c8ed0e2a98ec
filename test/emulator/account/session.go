package account

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Reasons not to assume a role.
var (
	ErrNoRole      = errors.New("no such role")
	ErrUntrusted   = errors.New("the role does not trust the caller")
	ErrWebIdentity = errors.New("bad web identity token")
)

// AssumeRole makes temporary credentials of a role for an identity.
func (b *Book) AssumeRole(c Caller, arn, name string, life time.Duration) (Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	role, ok := b.roles[arn]
	switch {
	case !ok:
		return Session{}, ErrNoRole
	case role.OwnerUIN != c.OwnerUIN || !role.trusts(c.UIN):
		return Session{}, ErrUntrusted
	}
	return b.newSession(arn, name, c.UIN, life), nil
}

// AssumeRoleWithWebIdentity makes temporary credentials of a role for the
// bearer of an OIDC token. The token's audience and life are checked, its
// signature is not: the emulator has no way to the cluster's keys.
func (b *Book) AssumeRoleWithWebIdentity(provider, token, arn, name string, life time.Duration) (Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	role, ok := b.roles[arn]
	switch {
	case !ok:
		return Session{}, ErrNoRole
	case !slices.Contains(role.Providers, provider):
		return Session{}, ErrUntrusted
	}
	if err := checkWebIdentity(token, role.Audience, b.now()); err != nil {
		return Session{}, err
	}
	return b.newSession(arn, name, role.OwnerUIN, life), nil
}

// WebIdentity makes the token of a ServiceAccount, for audience and as long as
// life, as a cluster signs it.
func (b *Book) WebIdentity(audience string, life time.Duration) (string, error) {
	raw, err := jwt.Signed(b.signer.jws).Claims(jwt.Claims{
		Issuer: "https://kubernetes.default.svc", Subject: "system:serviceaccount:tcr-webhook:tcr-webhook",
		Audience: jwt.Audience{audience}, Expiry: jwt.NewNumericDate(b.now().Add(life)),
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign web identity: %w", err)
	}
	return raw, nil
}

// checkWebIdentity reads token as Kubernetes writes it; surrounding white
// space is refused, for the SDK does not trim the file it reads.
func checkWebIdentity(token, audience string, now time.Time) error {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if err != nil {
		return ErrWebIdentity
	}
	var c jwt.Claims
	if err := parsed.UnsafeClaimsWithoutVerification(&c); err != nil {
		return ErrWebIdentity
	}
	if c.Expiry == nil || c.ValidateWithLeeway(jwt.Expected{AnyAudience: jwt.Audience{audience}, Time: now}, 0) != nil {
		return ErrWebIdentity
	}
	return nil
}

// newSession makes and keeps credentials; b.mu is held.
func (b *Book) newSession(arn, name, creator string, life time.Duration) Session {
	if b.sessionLife > 0 {
		life = b.sessionLife
	}
	s := Session{
		SecretID:  "AKID" + randomText(60), // longer than a lasting one, as the real ones
		SecretKey: randomText(44),
		Token:     randomText(600),
		Expires:   b.now().Add(life),
		life:      life,
		role:      arn, name: name, creator: creator,
	}
	b.sessions[s.SecretID] = s
	return s
}
