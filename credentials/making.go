package credentials

import (
	"context"
	"errors"
	"regexp"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// attempt is how making what is missing has gone so far. It is of one process
// alone: all that decides is what is observed, so whoever comes after a crash
// goes on where it stood.
type attempt struct {
	step     route.Step
	failures int // in a row
	next     time.Time
	problem  route.Problem
}

const (
	// makeAgain is how soon a step that failed is tried again, doubled with each
	// failure up to makeAtLeast.
	makeAgain   = 10 * time.Second
	makeAtLeast = 10 * time.Minute
)

// problemOf is what keeps from being made what seen still lacks.
func (a *attempt) problemOf(seen route.Observation) route.Problem {
	if a.step == route.NoStep || seen.Missing() != a.step {
		return route.Problem{}
	}
	return a.problem
}

// makeMissing makes the next thing that is missing, if it is time for it, and
// tells whether there is something new to see. Nothing is ever removed.
func (r *Routes) makeMissing(ctx context.Context, id registry.ID, s route.State, settings route.Settings) bool {
	step := s.Seen.Missing()
	if !r.mayTry(id, step) {
		return false
	}
	logger := log.FromContext(ctx).WithValues("instance", id, "vpc", settings.VPC)
	var err error
	switch step {
	case route.CreateLink:
		logger.Info("Private link is being made", "subnet", settings.Subnet)
		err = r.API.CreateLink(ctx, id, settings.VPC, settings.Subnet)
	case route.CreateDNS:
		logger.Info("Public name is being made to resolve to the private link", "address", s.Seen.IP)
		err = r.API.CreateDNS(ctx, id, settings.VPC, s.Seen.IP)
	}
	if ctx.Err() != nil {
		return false
	}
	r.tried(ctx, id, step, err, settings)
	return err == nil || errors.Is(err, route.ErrExists)
}

// mayTry tells whether step is to be tried now.
func (r *Routes) mayTry(id registry.ID, step route.Step) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.errands[id]
	if e == nil || step == route.NoStep {
		return false
	}
	if e.making.step != step {
		e.making = attempt{step: step}
	}
	return !time.Now().Before(e.making.next)
}

// tried notes how a step went. One that the API took is not tried again for a
// while either: what it made may take a moment to be seen.
func (r *Routes) tried(ctx context.Context, id registry.ID, step route.Step, err error, settings route.Settings) {
	r.mu.Lock()
	e := r.errands[id]
	if e == nil {
		r.mu.Unlock()
		return
	}
	m := &e.making
	m.failures++
	wait := doubled(makeAgain, m.failures, makeAtLeast)
	m.problem = route.Problem{}
	switch {
	case err == nil:
		wait = max(wait, time.Minute)
	case !errors.Is(err, route.ErrExists) || m.failures > 1:
		m.problem = problemOf(err)
	}
	m.next = time.Now().Add(withChance(wait))
	before := r.known[id].From(settings.VPC)
	s := before
	s.Problem, s.At = m.problem, later(before.At)
	r.known[id] = s
	r.mu.Unlock()
	r.tell(ctx, id, before, s, settings)
	if err == nil {
		log.FromContext(ctx).Info("Private route goes on", "instance", id, "made", string(step))
	}
}

// errConfigured is that a look was overtaken by another configuration.
var errConfigured = errors.New("the configuration has changed")

// requestID is what differs from one failure to the next that is the same.
var requestID = regexp.MustCompile(` \(request [^)]*\)`)

// problemOf puts an error of the API's, whose text is ours, into a State.
func problemOf(err error) route.Problem {
	p := route.Problem{Reason: registry.RouteNotKnown, Text: requestID.ReplaceAllString(err.Error(), "")}
	switch {
	case errors.Is(err, token.ErrDenied):
		p.Reason = registry.RouteDenied
	case errors.Is(err, token.ErrNotFound), errors.Is(err, token.ErrUnclear):
		p.Reason = registry.InstanceNotFound
	}
	return p
}
