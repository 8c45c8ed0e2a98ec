package route

import (
	"slices"
	"time"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// State is the route to one instance that is in force, and what it rests on.
// The zero value is that nobody has looked.
type State struct {
	// VPC that was looked from. A State of another VPC counts for nothing.
	VPC string `json:"vpc"`
	// Route in force; "" before anything was seen.
	Route registry.Route `json:"route,omitempty"`
	// Reason of RouteNone.
	Reason registry.Reason `json:"reason,omitempty"`
	// Seen is the last observation.
	Seen Observation `json:"seen,omitzero"`
	// Next is another route that was seen once; "" for none.
	Next registry.Route `json:"next,omitempty"`
	// Problem is why the last look, or attempt to make what is missing, came to
	// nothing; the zero value if it did not.
	Problem Problem `json:"problem,omitzero"`
	// At is when the last look ended, by the clock of whoever looked.
	At time.Time `json:"at"`
}

// Problem is why something is not known or not done. It quotes no answer.
type Problem struct {
	// Reason is RouteDenied, InstanceNotFound or RouteNotKnown.
	Reason registry.Reason `json:"reason"`
	Text   string          `json:"text"`
}

// From is s if it was looked from vpc, and else the State of nobody.
func (s State) From(vpc string) State {
	if s.VPC != vpc {
		return State{VPC: vpc}
	}
	return s
}

// After is the State that follows an observation. The first one stands at once.
// Another route needs two in a row that agree on it, so that one odd answer
// moves no image; and two in a row that do not have the "-vpc" name end the
// rewriting to it, whatever else they have.
func (s State) After(o Observation, settings Settings, at time.Time) State {
	next := State{VPC: s.VPC, Route: s.Route, Reason: s.Reason, Seen: o, At: at}
	found, why := Decide(o, s.Route, settings)
	dead := s.Route == registry.RoutePrivateName && !o.privateWorks() && !s.Seen.privateWorks()
	switch {
	case s.Route == "", s.Route == found, s.Next == found, s.Next != "" && dead:
		next.Route, next.Reason = found, why
	default:
		next.Next = found
	}
	return next
}

// Failed is the State that follows a look without an answer. What is in force
// stands, but for a name that was last seen not to work: no image is moved to
// one, even unconfirmed.
func (s State) Failed(p Problem, settings Settings, at time.Time) State {
	next := s
	next.Problem, next.At = p, at
	if s.Route == registry.RoutePrivateName && !s.Seen.privateWorks() {
		next.Route, next.Reason = Decide(s.Seen, "", settings)
		next.Next = ""
	}
	return next
}

// Doubted tells whether another look is due at once.
func (s State) Doubted() bool { return s.Next != "" }

// Moving tells whether something is known to be about to change.
func (s State) Moving() bool { return s.Doubted() || s.Seen.Link == LinkPending }

// SameAs tells whether s says what other says, whenever it was said.
func (s State) SameAs(other State) bool {
	s.At = other.At
	return s == other
}

// Valid tells whether s can have been written by this program.
func (s State) Valid() bool {
	known := []registry.Route{"", registry.RoutePublicName, registry.RoutePrivateName, registry.RouteHosts, registry.RouteNone}
	return s.VPC != "" && slices.Contains(known, s.Route) && slices.Contains(known, s.Next) && s.Seen.valid() &&
		(s.Route != registry.RouteHosts || s.Seen.IP != "" || s.Next != "")
}
