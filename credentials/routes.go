package credentials

import (
	"context"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
)

// RouteAPI observes how an instance is reached from a VPC, and makes what is
// missing.
type RouteAPI interface {
	Observe(ctx context.Context, id registry.ID, vpc string) (route.Observation, error)
	CreateLink(ctx context.Context, id registry.ID, vpc, subnet string) error
	CreateDNS(ctx context.Context, id registry.ID, vpc, ip string) error
}

// RoutesOptions are what Routes work with.
type RoutesOptions struct {
	API RouteAPI
	// Turn tells whether this replica looks; the others learn of it. Known is
	// whether it has anything to go by.
	Turn func(known bool) bool
	// Leading tells whether this replica may make what is missing.
	Leading func() bool
	// Changed is called after a route has changed, or what is known of it.
	Changed func()
}

// Routes keeps the routes to the instances of route: Auto. Use NewRoutes.
type Routes struct {
	RoutesOptions
	wake    chan struct{} // capacity one
	confirm time.Duration // confirmAfter

	mu       sync.Mutex // guards what is below
	settings route.Settings
	every    time.Duration
	errands  map[registry.ID]*errand // of the instances that are asked about
	known    map[registry.ID]route.State
}

// errand is what is to be done about one instance.
type errand struct {
	due      time.Time // of the next look
	busy     bool
	failures int // of looks, in a row
	making   attempt
}

const (
	// confirmAfter is how soon a second look follows one that calls for another
	// route.
	confirmAfter = 2 * time.Second
	// movingEvery is how often is looked at what is about to change: a link
	// takes a minute or two.
	movingEvery = 10 * time.Second
	// lookAgain is how soon a look is tried again that had no answer, doubled
	// with each one up to the period.
	lookAgain = 5 * time.Second
	// turnEvery is how often it is seen whether it is this replica's turn.
	turnEvery = time.Second
)

// NewRoutes returns Routes that know nothing. Nothing runs until Start.
func NewRoutes(o RoutesOptions) *Routes {
	return &Routes{RoutesOptions: o, wake: make(chan struct{}, 1), confirm: confirmAfter, errands: map[registry.ID]*errand{}, known: map[registry.ID]route.State{}}
}

// Set replaces which instances are looked at, from where, and how often. All
// of them are looked at anew.
func (r *Routes) Set(entries []registry.Entry, settings route.Settings, every time.Duration) {
	r.mu.Lock()
	before := r.errands
	r.settings, r.every, r.errands = settings, every, map[registry.ID]*errand{}
	for _, e := range entries {
		if e.Route != registry.RouteAuto || r.errands[e.ID] != nil {
			continue
		}
		r.errands[e.ID] = &errand{}
		if old := before[e.ID]; old != nil {
			r.errands[e.ID].busy = old.busy
		}
	}
	r.mu.Unlock()
	r.Look()
}

// Look says that it may be time for a look, or this replica's turn.
func (r *Routes) Look() {
	signal(r.wake)
}

// State is what is known of the route to id.
func (r *Routes) State(id registry.ID) (route.State, route.Settings) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[id].From(r.settings.VPC), r.settings
}

// Observes tells whether the route to id is looked for.
func (r *Routes) Observes(id registry.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.errands[id] != nil
}

// Settled tells whether of each instance the route is known, or why not.
func (r *Routes) Settled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.errands {
		if s := r.known[id].From(r.settings.VPC); s.Route == "" && s.Problem.Reason == "" {
			return false
		}
	}
	return true
}

// Settle gives an entry of route: Auto the route that is in force.
func (r *Routes) Settle(e *registry.Entry) {
	if e.Route != registry.RouteAuto {
		return
	}
	s, settings := r.State(e.ID)
	e.Route, e.Reach = s.Route, s.Reach(e.ID, settings)
	switch {
	case s.Route == "":
		e.Route = registry.RouteNone
	case s.Route == registry.RoutePrivateName && e.Hosts.Public != "" && e.Hosts.Private == "":
		e.Reach = registry.Reach{Reason: registry.NoPrivateHost, Advice: "only the -vpc name of " + string(e.ID) + " resolves privately, and hosts.private in the configuration does not say what it is"}
	}
}

// Known is what is known of routes, for the other replicas.
func (r *Routes) Known() map[registry.ID]route.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.known)
}

// Learn takes over what another replica has seen, where that is newer.
func (r *Routes) Learn(known map[registry.ID]route.State) {
	news := false
	r.mu.Lock()
	for id, s := range known {
		if old := r.known[id]; s.At.After(old.At) {
			news = news || !s.SameAs(old)
			r.known[id] = s
		}
	}
	r.mu.Unlock()
	if news {
		r.Changed()
	}
}

// NeedLeaderElection is false: a replica that does not lead looks when nobody
// does and it knows nothing.
func (r *Routes) NeedLeaderElection() bool { return false }

// Start looks until ctx ends.
func (r *Routes) Start(ctx context.Context) error {
	var looks sync.WaitGroup
	defer looks.Wait()
	tick := time.NewTicker(turnEvery)
	defer tick.Stop()
	for {
		for id, settings := range r.due(time.Now()) {
			looks.Go(func() { r.attend(ctx, id, settings) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-tick.C:
		}
	}
}

// due lists the instances that are to be looked at now, and marks them as being
// looked at: one that hangs holds up no other.
func (r *Routes) due(now time.Time) map[registry.ID]route.Settings {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := map[registry.ID]route.Settings{}
	for id, e := range r.errands {
		known := r.known[id].From(r.settings.VPC).Route != ""
		if !e.busy && !now.Before(e.due) && r.Turn(known) {
			e.busy = true
			list[id] = r.settings
		}
	}
	return list
}

// attend looks at one instance, a second time where the first calls for another
// route, and makes what is missing.
func (r *Routes) attend(ctx context.Context, id registry.ID, settings route.Settings) {
	s, err := r.look(ctx, id, settings)
	if err == nil && s.Doubted() && pause(ctx, r.confirm, nil) {
		s, err = r.look(ctx, id, settings)
	}
	made := false
	if err == nil && settings.Manage && !s.Doubted() && r.Leading() {
		made = r.makeMissing(ctx, id, s, settings)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.errands[id]
	if e == nil {
		return // it was taken out of the configuration meanwhile
	}
	e.busy = false
	if r.settings != settings {
		return // and is due at once
	}
	e.failures++
	if err == nil {
		e.failures = 0
	}
	e.due = time.Now().Add(e.wait(s, err, made, r.every))
}

// wait is how long the next look may wait.
func (e *errand) wait(s route.State, err error, made bool, every time.Duration) time.Duration {
	switch {
	case err != nil && lasting(err):
	case err != nil:
		return withChance(doubled(lookAgain, e.failures, every))
	case made:
		return min(confirmAfter, every)
	case s.Moving():
		return min(movingEvery, every)
	case e.making.step != route.NoStep && e.making.step == s.Seen.Missing():
		return min(max(time.Until(e.making.next), turnEvery), every)
	}
	return withChance(every)
}

// look looks once and keeps what came of it.
func (r *Routes) look(ctx context.Context, id registry.ID, settings route.Settings) (route.State, error) {
	seen, err := r.API.Observe(ctx, id, settings.VPC)
	if ctx.Err() != nil {
		return route.State{}, ctx.Err()
	}
	r.mu.Lock()
	if r.settings.VPC != settings.VPC || r.errands[id] == nil {
		r.mu.Unlock()
		return route.State{}, errConfigured
	}
	before := r.known[id].From(settings.VPC)
	s := before.After(seen, settings, later(before.At))
	s.Problem = r.errands[id].making.problemOf(seen)
	if err != nil {
		s = before.Failed(problemOf(err), settings, s.At)
	}
	r.known[id] = s
	r.mu.Unlock()
	r.tell(ctx, id, before, s, settings)
	return s, err
}

// tell logs what has changed and passes it on.
func (r *Routes) tell(ctx context.Context, id registry.ID, before, s route.State, settings route.Settings) {
	logger := log.FromContext(ctx).WithValues("instance", id, "vpc", settings.VPC)
	if before.Route != s.Route || before.Why() != s.Why() {
		logger.Info("Route observed", "from", string(before.Route), "to", string(s.Route), "reason", string(s.Why()), "why", s.Explain(id, settings))
	}
	if s.Problem.Text != "" && s.Problem != before.Problem {
		logger.Info("How an instance is reached cannot be told or made; what was seen last stands", "reason", s.Problem.Text)
	}
	if !s.SameAs(before) {
		r.Changed()
	}
}

// later is now, or a moment after at if our clock is behind that of whoever
// looked before: what is newer is what replicas agree on.
func later(at time.Time) time.Time {
	now := time.Now().Round(0)
	if !now.After(at) {
		return at.Add(time.Millisecond)
	}
	return now
}

// doubled is first, doubled for each failure but one, up to limit.
func doubled(first time.Duration, failures int, limit time.Duration) time.Duration {
	for ; failures > 1 && first < limit; failures-- {
		first *= 2
	}
	return min(first, limit)
}

// withChance adds up to a tenth, so that instances do not stay in step.
func withChance(d time.Duration) time.Duration { return d + rand.N(d/10+1) }
