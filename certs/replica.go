package certs

import (
	"crypto/x509"
	"fmt"
	"time"
)

// replica is what one server that makes its own certificates knows and wants,
// without the means to write anything.
type replica struct {
	Holder

	names []string // of the certificate, at least one
	lives Lives

	held      steady // that every caBundle has all of the Secret
	waits     steady // what is to be done
	candidate *Leaf  // that is not served yet
}

// view is what a look found.
type view struct {
	content       Content
	registrations []Registration
	at            Moment
}

// look has the right certificate served, and plans what is to be done about
// the authorities.
func (r *replica) look(v view) (Plan, error) {
	err := r.serve(v)
	bundle := v.content.Bundle()
	held := r.held.held(fmt.Sprint(labels(bundle)), len(bundle) > 0 && holds(v.registrations, bundle), v.at.Up)
	plan := Decide(r.situation(v, held))
	if plan.Action != Rest {
		plan.Wait = lookEvery
	}
	plan.Wait = min(plan.Wait, r.untilDue(v.content.Current, v.at.Wall))
	return plan, err
}

// untilDue is how long nothing is to be done about what is served.
func (r *replica) untilDue(signer *Authority, now time.Time) time.Duration {
	l := r.served.Load()
	switch {
	case r.candidate != nil:
		return r.lives.settling() / 4
	case l == nil || signer == nil || !l.canLast(signer.Certificate, r.lives.Leaf):
		return lookEvery
	}
	return l.renewal(r.lives.Leaf).Sub(now)
}

func (r *replica) situation(v view, held time.Duration) Situation {
	return Situation{Content: v.content, Registrations: v.registrations, Held: held, Serving: r.serving(), Now: v.at.Wall, Lives: r.lives}
}

// serve signs another certificate where that is due, and serves it as soon as
// it may.
func (r *replica) serve(v view) error {
	var err error
	signer, served := v.content.Current, r.served.Load()
	switch {
	case signer == nil || !v.at.Wall.Before(signer.Certificate.NotAfter):
		r.candidate = nil
	case served != nil && served.CA.Equal(signer.Certificate) && !served.due(r.lives.Leaf, v.at.Wall):
		r.candidate = nil
	case r.candidate == nil || !r.candidate.CA.Equal(signer.Certificate) || r.candidate.due(r.lives.Leaf, v.at.Wall):
		r.candidate, err = signer.Sign(r.names, v.at.Wall, r.lives.Leaf)
	}
	if taken, _ := r.offer(r.candidate, v.registrations, v.at); taken {
		r.candidate = nil
	}
	return err
}

// tears tells whether the caBundle of r has to become that of c. A Secret that
// cannot sign, or that has lost what is served, is mended first.
func (r *replica) tears(seen Registration, c Content, now time.Time) bool {
	s := Situation{Content: c, Serving: r.serving(), Now: now}
	return c.Current != nil && !s.forgotten() && seen.Differs(c.Bundle())
}

// serving is the CA of what is served, or nil.
func (r *replica) serving() *x509.Certificate {
	if l := r.served.Load(); l != nil {
		return l.CA
	}
	return nil
}

// patience is how long a replica that does not lead lets a fault be another's to
// mend.
const patience = 300 * time.Millisecond

// Turn is what there is to do, and for whom.
type Turn struct {
	Plan Plan
	// Torn tells that a caBundle is not what it should be.
	Torn bool
	// Leading tells whether this replica leads.
	Leading bool
	// First tells that there is no Secret. Who creates it first has created it.
	First bool
}

// untilTurn is how long this replica leaves what is to be done to another: the
// leader goes first, and the others do what has not been done for a while, so
// that nothing depends on there being one. It is zero where nothing is to be
// done.
func (r *replica) untilTurn(t Turn, up time.Duration) time.Duration {
	fault := t.Torn || t.Plan.Urgent
	due := fault || t.Plan.Action != Rest
	wait := r.lives.settling()
	if fault {
		wait = min(wait, patience)
	}
	held := r.waits.held(fmt.Sprint(t.Plan.Action, fault), due, up)
	if !due || t.Leading || t.First && t.Plan.Urgent {
		return 0
	}
	return max(0, wait-held)
}

func labels(certs []*x509.Certificate) []string {
	names := make([]string, 0, len(certs))
	for _, c := range certs {
		names = append(names, label(c))
	}
	return names
}
