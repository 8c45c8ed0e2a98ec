package token

import (
	"context"
	"errors"
	"time"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// skewMargin is how long before its expiry a token stops being used: our
// clock and the registry's may differ by this much.
const skewMargin = 2 * time.Minute

// Token is a login to a registry that expires by itself. The zero Token is
// not usable.
type Token struct {
	Username string
	Password Secret

	// IssuedAt is when we asked for the token, by our clock, and ExpiresAt is
	// what the API said. Neither carries a monotonic reading, because that
	// stands still while a machine is suspended and tokens do not.
	IssuedAt, ExpiresAt time.Time
}

// Issuer obtains new tokens. Its errors never quote a token; those that wrap
// one of this package's sentinels are treated as these say, all others as
// passing.
type Issuer interface {
	// Issue returns a new token for key, or an error by the time ctx ends.
	Issue(ctx context.Context, key registry.Key) (Token, error)
}

// Lifetime is how long the token lasts in all, from issue to expiry.
func (t Token) Lifetime() time.Duration { return t.ExpiresAt.Sub(t.IssuedAt) }

// Margin is the smaller of figure and a tenth of the token's life, so that
// margins made for tokens of an hour suit tokens of seconds as well.
func (t Token) Margin(figure time.Duration) time.Duration {
	return min(figure, t.Lifetime()/10)
}

// Usable reports whether the token still works at now, allowing for clocks
// that differ by two minutes (by less for tokens that live under twenty).
func (t Token) Usable(now time.Time) bool { return now.Before(t.usableUntil()) }

func (t Token) usableUntil() time.Time { return t.ExpiresAt.Add(-t.Margin(skewMargin)) }

// check finds what makes an issued token useless.
func (t Token) check(now time.Time) error {
	switch {
	case t.Username == "" || t.Password == "":
		return errors.New("the token has no username or no password")
	case t.Lifetime() <= 0:
		return errors.New("the token expired before it was issued")
	case !t.Usable(now):
		return errors.New("the token has expired already")
	}
	return nil
}

// wallClock is t without the monotonic readings of its times.
func (t Token) wallClock() Token {
	t.IssuedAt, t.ExpiresAt = t.IssuedAt.Round(0), t.ExpiresAt.Round(0)
	return t
}

// renewAt picks the moment to replace the token: between 50 and 60 % of its
// life, by random in [0, 1), so that replicas that started together drift
// apart.
func (t Token) renewAt(random float64) time.Time {
	share := 0.5 + 0.1*random
	return t.IssuedAt.Add(time.Duration(share * float64(t.Lifetime())))
}
