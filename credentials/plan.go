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
	// Update: what is wanted has changed.
	Update Action = "Update"
	// Repair: it is not what we wrote.
	Repair Action = "Repair"
	// Replace: as Repair, but it can only be deleted and made anew.
	Replace Action = "Replace"
	// Remove: none is wanted any more.
	Remove Action = "Remove"
)

// writes tells whether the action changes something.
func (a Action) writes() bool { return a != Keep && a != Wait && a != LeaveForeign }

// Login is a login that a namespace should have.
type Login struct {
	registry.Key
	Hosts []registry.Host
	// Token is the zero value while there is none that works. One without an
	// expiry never expires.
	Token token.Token
	// Version is that of a login that never expires, see Held.
	Version string
}

func (l Login) usable() bool { return l.Token.Username != "" }

func (l Login) expires() bool { return !l.Token.ExpiresAt.IsZero() }

// held is what a Secret says of the login when it holds it.
func (l Login) held() Held {
	return Held{Account: l.Account, Expires: l.Token.ExpiresAt, Version: l.Version}
}

// Moment is when and for whom is decided.
type Moment struct {
	Namespace string
	Now       time.Time
	// Unwanted is since when nothing is wanted; zero while something is.
	Unwanted time.Time
}

// Plan is an Action and when to look at the namespace again.
type Plan struct {
	Action Action
	// Again is zero when nothing but a change calls for another look.
	Again time.Time
	// Deadline is when pulls begin to fail unless the action is carried out;
	// zero means that they fail already.
	Deadline time.Time
}

// A login is replaced at a point between half and four fifths of its life
// that depends on its namespace: Secrets that were born together are thereby
// renewed apart, which a jitter of seconds would not achieve.
const (
	earliestRenewal = 0.5
	renewalSpread   = 0.3
)

// removalGrace is how long a Secret that nothing calls for any more stays, or
// until its logins have expired: a slip in the configuration should not cost
// every namespace its pulls before it is seen.
const removalGrace = 10 * time.Minute

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

// Decide tells what to do about the pull Secret of a namespace, given what is
// there and the logins that are wanted.
func Decide(o Observed, want []Login, at Moment) Plan {
	fresh := slices.ContainsFunc(want, Login.usable)
	deadline := firstExpiry(o.Held)
	switch {
	case len(want) == 0:
		return o.removal(at)
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
	case !o.Intact:
		return Plan{Action: Repair}
	case !o.matches(want, at.Now):
		return Plan{Action: Update, Deadline: deadline}
	}
	return renewal(o, want, at)
}

// removal decides about a Secret that nothing calls for.
func (o Observed) removal(at Moment) Plan {
	if !o.Exists || !o.Ours {
		return Plan{Action: Keep}
	}
	until := at.Unwanted.Add(removalGrace)
	if last := o.lastExpiry(); !last.IsZero() && last.Before(until) {
		until = last
	}
	if at.Now.Before(until) {
		return Plan{Action: Keep, Again: until}
	}
	return Plan{Action: Remove, Deadline: at.Now.Add(removalGrace)} // nobody waits for it
}

// matches tells whether o holds just the logins of want that there can be.
func (o Observed) matches(want []Login, now time.Time) bool {
	var hosts []registry.Host
	instances := 0
	for _, l := range want {
		held, has := o.Held[l.ID]
		switch {
		case l.usable() && (!has || held.Account != l.Account || held.Version != l.Version):
			return false
		case l.usable() || has && held.works(now):
			hosts = append(hosts, l.Hosts...)
			instances++
		}
	}
	slices.Sort(hosts)
	return instances == len(o.Held) && slices.Equal(slices.Compact(hosts), o.Hosts)
}

// renewal finds the login that is due first.
func renewal(o Observed, want []Login, at Moment) Plan {
	plan := Plan{Action: Keep}
	for _, l := range want {
		if !l.usable() || !l.expires() {
			continue
		}
		expires := o.Held[l.ID].Expires
		due := renewAt(expires, l.Token.Lifetime(), placeOf(at.Namespace))
		switch {
		case at.Now.Before(due):
		case l.Token.ExpiresAt.After(expires):
			return Plan{Action: Renew, Deadline: firstExpiry(o.Held)}
		default:
			due = at.Now.Add(l.Token.Margin(tokenPoll)) // the next token is not here yet
		}
		if plan.Again.IsZero() || due.Before(plan.Again) {
			plan.Again = due
		}
	}
	return plan
}

// tokenPoll is how often a namespace that is due looks for the next token,
// should the news of it be lost; for tokens of seconds it is a tenth of their
// life.
const tokenPoll = time.Minute
