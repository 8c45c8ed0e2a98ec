package credentials

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// Action is what is to be done about a namespace's pull Secret.
type Action string

const (
	// Keep: the Secret is as it should be, or none is wanted.
	Keep Action = "Keep"
	// Wait: a Secret is wanted, but there is no token to put into it.
	Wait Action = "Wait"
	// LeaveForeign: somebody else's Secret has the name; pods use that one.
	LeaveForeign Action = "LeaveForeign"
	// Create: there is none yet.
	Create Action = "Create"
	// Renew: a login is due and a newer token is there.
	Renew Action = "Renew"
	// Repair: it is not what we wrote, or what is wanted has changed.
	Repair Action = "Repair"
	// Replace: as Repair, but it can only be deleted and made anew.
	Replace Action = "Replace"
)

// Login is a login that a namespace should have.
type Login struct {
	ID    registry.ID
	Hosts []registry.Host
	// Token is the zero value while there is none that works.
	Token token.Token
}

func (l Login) usable() bool { return l.Token.Username != "" }

// Plan is an Action and when to look at the namespace again.
type Plan struct {
	Action Action
	// Again is zero when nothing but a change calls for another look.
	Again time.Time
}

// A login is replaced at a point between half and four fifths of its life
// that depends on its namespace: Secrets that were born together are thereby
// renewed apart, which a jitter of seconds would not achieve.
const (
	earliestRenewal = 0.5
	renewalSpread   = 0.3
)

// renewAt is when the login of a token that lives for life and ends at
// expires is due in a namespace whose place in the wave is within [0, 1).
func renewAt(expires time.Time, life time.Duration, place float64) time.Time {
	remaining := 1 - (earliestRenewal + renewalSpread*place)
	return expires.Add(-time.Duration(remaining * float64(life)))
}

// placeOf spreads namespaces evenly over the renewal wave.
func placeOf(namespace string) float64 {
	// Names such as team-1, team-2 differ in little, which weaker hashes show.
	sum := sha256.Sum256([]byte(namespace))
	return float64(binary.BigEndian.Uint32(sum[:4])) / (1 << 32)
}

// Decide tells what to do about the pull Secret of namespace, given what is
// there and the logins that are wanted.
func Decide(o Observed, want []Login, namespace string, now time.Time) Plan {
	fresh := slices.ContainsFunc(want, Login.usable)
	switch {
	case len(want) == 0:
		return Plan{Action: Keep}
	case o.Exists && !o.Ours:
		return Plan{Action: LeaveForeign}
	case !fresh:
		// Without a token nothing better could be written, and a Secret whose
		// logins still work is better than any.
		return Plan{Action: Wait}
	case !o.Exists:
		return Plan{Action: Create}
	case o.Fixed:
		return Plan{Action: Replace}
	case !o.Intact || !o.matches(want, now):
		return Plan{Action: Repair}
	}
	return renewal(o, want, placeOf(namespace), now)
}

// matches tells whether o holds just the logins of want that there can be.
func (o Observed) matches(want []Login, now time.Time) bool {
	var hosts []registry.Host
	instances := 0
	for _, l := range want {
		expires, held := o.Expires[l.ID]
		if l.usable() && !held {
			return false
		}
		if l.usable() || held && now.Before(expires) {
			hosts = append(hosts, l.Hosts...)
			instances++
		}
	}
	slices.Sort(hosts)
	return instances == len(o.Expires) && slices.Equal(slices.Compact(hosts), o.Hosts)
}

// renewal finds the login that is due first.
func renewal(o Observed, want []Login, place float64, now time.Time) Plan {
	plan := Plan{Action: Keep}
	for _, l := range want {
		if !l.usable() {
			continue
		}
		due := renewAt(o.Expires[l.ID], l.Token.Lifetime(), place)
		switch {
		case now.Before(due):
		case l.Token.ExpiresAt.After(o.Expires[l.ID]):
			return Plan{Action: Renew}
		default:
			due = now.Add(l.Token.Margin(tokenPoll)) // the next token is not here yet
		}
		if plan.Again.IsZero() || due.Before(plan.Again) {
			plan.Again = due
		}
	}
	return plan
}

// tokenPoll is how often a namespace that is due looks for the next token;
// for tokens of seconds it is a tenth of their life.
const tokenPoll = 15 * time.Second
