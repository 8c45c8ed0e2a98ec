package credentials

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// State is how matters stand with the pull Secret of a namespace, or with one
// login in it. The values are those of a metric's label; States lists them all.
type State string

const (
	// StateCurrent: it is as it should be.
	StateCurrent State = "current"
	// StateExpiring: it works for less than five minutes more.
	StateExpiring State = "expiring"
	// StateExpired: it has stopped to work.
	StateExpired State = "expired"
	// StateMissing: it is wanted and not there.
	StateMissing State = "missing"
	// StateOutdated: it holds other logins or hosts than it should.
	StateOutdated State = "outdated"
	// StateDrifted: somebody changed it.
	StateDrifted State = "drifted"
	// StateForeign: somebody else's has the name.
	StateForeign State = "foreign"
	// StateLeftover: it is ours and nothing calls for it any more.
	StateLeftover State = "leftover"
)

// States lists every State, from bad to good.
func States() []State {
	return []State{StateExpired, StateMissing, StateDrifted, StateExpiring, StateOutdated, StateForeign, StateLeftover, StateCurrent}
}

// worse is the one of two states that is to be heard of first.
func worse(a, b State) State {
	if slices.Index(States(), b) < slices.Index(States(), a) {
		return b
	}
	return a
}

// expiringWithin is when a login should long have been renewed: it is due after
// four fifths of its life at the latest, which leaves twelve minutes of an hour.
const expiringWithin = 5 * time.Minute

// stateOf is the state of a namespace's Secret, and of each of the logins that
// are wanted there. It is empty for one that nothing calls for: neither the
// configuration nor, which is what asked says, a pod or a person.
func stateOf(o Observed, want []Login, asked bool, now time.Time) (secret State, logins []State) {
	same := func(s State) (State, []State) { return s, slices.Repeat([]State{s}, len(want)) }
	switch {
	case len(want) == 0 && o.Exists && o.Ours:
		return StateLeftover, nil
	case len(want) == 0 || !o.Exists && !asked:
		return same("")
	case !o.Exists:
		return same(StateMissing)
	case !o.Ours:
		return same(StateForeign)
	case o.Fixed || !o.Intact:
		return same(StateDrifted)
	}
	secret = StateCurrent
	if !o.matches(want, now) {
		secret = StateOutdated
	}
	for _, l := range want {
		s := l.state(o, now)
		logins = append(logins, s)
		secret = worse(secret, s)
	}
	return secret, logins
}

// state is that of a login in a Secret of ours.
func (l Login) state(o Observed, now time.Time) State {
	held, has := o.Held[l.ID]
	switch {
	case !has:
		return StateMissing
	case !held.works(now):
		return StateExpired
	case held.Account != l.Account || held.Version != l.Version && l.usable():
		return StateOutdated
	case held.Expires.IsZero():
		return StateCurrent
	}
	within := expiringWithin
	if l.usable() {
		within = l.Token.Margin(within) // a tenth of the life of short ones
	}
	if held.Expires.Sub(now) < within {
		return StateExpiring
	}
	return StateCurrent
}

// Census counts the pull Secrets of a cluster.
type Census struct {
	// Secrets are counted by state, those that nothing calls for left out.
	Secrets map[State]int
	// Logins are counted for each login that is configured.
	Logins map[registry.Key]LoginCensus
}

// LoginCensus counts one login.
type LoginCensus struct {
	Namespaces int // that are to have it, asked for or not
	States     map[State]int
}

// Census counts, in the cache alone. It is nil while the registries are not
// known yet. For 10,000 namespaces it takes some tenths of a second.
func (k *Keeper) Census(ctx context.Context) (*Census, error) {
	directory := k.Directory()
	if directory == nil || k.DigestKey() == nil {
		return nil, nil
	}
	c := &Census{Secrets: map[State]int{}, Logins: map[registry.Key]LoginCensus{}}
	now := time.Now()
	// One of each for all namespaces: it is counted again and again, and 10,000
	// of both are 7 MB of garbage every time.
	labels, secret := map[string]string{}, &corev1.Secret{}
	for meta := range k.Namespaces() {
		if meta.Name == k.OwnNamespace || meta.DeletionTimestamp != nil {
			continue
		}
		ns := delivery.Namespace{
			Namespace: registry.Namespace{Name: meta.Name, Labels: labelsIn(labels, meta)},
			Deliver:   meta.Annotations[delivery.Annotation],
		}
		o, err := k.observeIn(ctx, ns.Name, secret)
		if err != nil {
			return nil, err
		}
		want := k.wanted(directory, ns)
		asked := o.Exists || delivery.Unasked(directory, ns) || k.demand.has(ns.Name)
		state, logins := stateOf(o, want, asked, now)
		c.add(state, want, logins)
	}
	return c, nil
}

func (c *Census) add(secret State, want []Login, logins []State) {
	if secret != "" {
		c.Secrets[secret]++
	}
	for i, l := range want {
		of := c.Logins[l.Key]
		of.Namespaces++
		if logins[i] != "" {
			if of.States == nil {
				of.States = map[State]int{}
			}
			of.States[logins[i]]++
		}
		c.Logins[l.Key] = of
	}
}
