package certs

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// Action is a step with the authorities.
type Action string

const (
	// Rest: there is nothing to do.
	Rest Action = "rest"
	// Begin makes the CA that signs, since there is none of use.
	Begin Action = "begin"
	// Mend drops from the Secret what is damaged in it, and takes in what else
	// has to stay trusted.
	Mend Action = "mend"
	// Prepare makes the CA that will sign next.
	Prepare Action = "prepare"
	// Promote lets that one sign.
	Promote Action = "promote"
	// Retire drops a CA by which nothing can be valid any more.
	Retire Action = "retire"
)

// Situation is all that the next step depends on.
type Situation struct {
	// Content is the Secret's; the zero value where there is none.
	Content Content
	// Registrations are those that are there, as watched.
	Registrations []Registration
	// Held is for how long every one of them has trusted all of Content.
	Held time.Duration
	// Serving is the CA of the certificate that this process serves, or nil.
	Serving *x509.Certificate
	Now     time.Time
	Lives   Lives
}

// Plan is a step, and why.
type Plan struct {
	Action Action
	Reason string
	// Urgent steps end a fault, so that nobody waits for a leader with them.
	Urgent bool
	// Wait is when to look again, if nothing changes until then.
	Wait time.Duration
}

// Decide plans the next step.
func Decide(s Situation) Plan {
	c, now := s.Content, s.Now
	switch {
	case !usable(c.Current, now) && usable(c.Next, now):
		return Plan{Action: Promote, Urgent: true, Reason: "there is no CA that signs, and one that was to follow"}
	case !usable(c.Current, now):
		return Plan{Action: Begin, Urgent: true, Reason: s.whyBegin()}
	case len(c.Damaged) > 0:
		return Plan{Action: Mend, Urgent: true, Reason: fmt.Sprintf("the Secret is damaged: %v", c.Damaged)}
	case s.forgotten():
		return Plan{Action: Mend, Urgent: true, Reason: "the Secret has lost the CA of certificates that are served"}
	case c.Next != nil && !usable(c.Next, now):
		return Plan{Action: Prepare, Reason: "the CA that was to follow has expired"}
	case c.Next != nil && s.Held >= s.Lives.settling():
		return Plan{Action: Promote, Reason: "every caBundle has had the CA that follows for " + s.Lives.settling().String()}
	case c.Next == nil && !now.Before(renewalOf(c.Current, s.Lives)):
		return Plan{Action: Prepare, Reason: "the CA that signs has spent two thirds of its life"}
	case len(kept(c.Previous, now)) < len(c.Previous):
		return Plan{Action: Retire, Reason: "a former CA has expired"}
	}
	return Plan{Action: Rest, Wait: s.untilDue()}
}

func (s *Situation) whyBegin() string {
	switch {
	case s.Content.Current != nil:
		return "the CA that signs has expired"
	case len(s.Content.Damaged) > 0:
		return fmt.Sprintf("the Secret is damaged: %v", s.Content.Damaged)
	default:
		return "there is no CA yet"
	}
}

// forgotten tells whether what we serve would lose its trust by this Secret.
func (s *Situation) forgotten() bool {
	return s.Serving != nil && s.Now.Before(s.Serving.NotAfter) && !contains(s.Content.Bundle(), s.Serving)
}

// untilDue is how long nothing is to be done, by the clock alone.
func (s *Situation) untilDue() time.Duration {
	c := s.Content
	wait := spent(c.Current.Certificate.NotBefore, c.Current.Certificate.NotAfter).Sub(s.Now)
	if c.Next != nil {
		wait = min(wait, s.Lives.settling()-s.Held)
	} else {
		wait = min(wait, renewalOf(c.Current, s.Lives).Sub(s.Now))
	}
	for _, p := range c.Previous {
		wait = min(wait, gone(p).Sub(s.Now))
	}
	return wait
}

// usable tells whether a CA can sign what holds for a while. One that begins
// later than now was made by a clock that is ahead of ours, or of all others:
// what it signs might not hold yet.
func usable(a *Authority, now time.Time) bool {
	return a != nil && !now.Before(a.Certificate.NotBefore) && now.Before(spent(a.Certificate.NotBefore, a.Certificate.NotAfter))
}

func renewalOf(a *Authority, l Lives) time.Time {
	return renewal(a.Certificate.NotBefore, a.Certificate.NotAfter, l.CA)
}

// gone is when nothing that c signed holds by anybody's clock.
func gone(c *x509.Certificate) time.Time {
	return c.NotAfter.Add(slack(c.NotAfter.Sub(c.NotBefore)))
}

// kept are the certificates that something may still hold by.
func kept(certs []*x509.Certificate, now time.Time) []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(certs), func(c *x509.Certificate) bool { return !now.Before(gone(c)) })
}

// After is the content after a step of Decide's. Make is called where a CA is
// to be made.
func (s Situation) After(a Action, make func() (*Authority, error)) (Content, error) {
	var err error
	next := Content{Next: s.Content.Next, Current: s.Content.Current, Previous: s.Content.Previous}
	switch a {
	case Begin:
		next.Next = nil
		if next.Current, err = make(); err != nil {
			return Content{}, err
		}
		next.Previous = s.rescued()
	case Mend:
		next.Previous = s.rescued()
	case Prepare:
		next.Next, err = make()
	case Promote:
		next.Current, next.Next = s.Content.Next, nil
		next.Previous = s.succeeded()
	}
	next.Previous = next.onlyTrusted(kept(next.Previous, s.Now))
	return next, err
}

// onlyTrusted is the first few of certs that are trusted for no other reason.
func (c Content) onlyTrusted(certs []*x509.Certificate) []*x509.Certificate {
	signing := Content{Next: c.Next, Current: c.Current}.Bundle()
	former := slices.DeleteFunc(distinct(certs), func(p *x509.Certificate) bool { return contains(signing, p) })
	return former[:min(len(former), maxPrevious)]
}

// succeeded is what stays trusted beside a CA that takes over.
func (s *Situation) succeeded() []*x509.Certificate {
	old := s.Content.Current
	if old == nil || len(s.Content.Damaged) > 0 {
		return s.rescued()
	}
	// What was there before it expires before it, unless somebody else made it.
	former := slices.DeleteFunc(slices.Clone(s.Content.Previous), func(c *x509.Certificate) bool { return c.NotAfter.After(old.Certificate.NotAfter) })
	return append([]*x509.Certificate{old.Certificate}, former...)
}

// rescued is what has to stay trusted where the Secret cannot tell: what is
// served, and what the caBundles have trusted so far. The latter may not be
// ours, as where certificates were mounted before.
func (s *Situation) rescued() []*x509.Certificate {
	var all []*x509.Certificate
	if s.Serving != nil {
		all = append(all, s.Serving)
	}
	if s.Content.Current != nil {
		all = append(all, s.Content.Current.Certificate)
	}
	all = append(append(all, s.Content.salvaged...), s.Content.Previous...)
	if s.Content.Current == nil || len(s.Content.Damaged) > 0 || s.forgotten() {
		all = append(all, trusted(s.Registrations)...)
	}
	return all
}
