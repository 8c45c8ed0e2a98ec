package credentials

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

var inVPC = route.Settings{VPC: "vpc-abc123", Region: "ap-guangzhou"}

// fakeWays is an API whose VPC has what is put into it.
type fakeWays struct {
	mu    sync.Mutex
	seen  route.Observation
	err   error
	looks int

	made    []route.Step
	makeErr error
}

func (f *fakeWays) set(seen route.Observation, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen, f.err = seen, err
}

// count is how many looks there were since the last count.
func (f *fakeWays) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.looks
	f.looks = 0
	return n
}

// steps is what was asked to be made.
func (f *fakeWays) steps() []route.Step {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.made)
}

func (f *fakeWays) Observe(context.Context, registry.ID, string) (route.Observation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	return f.seen, f.err
}

func (f *fakeWays) CreateLink(context.Context, registry.ID, string, string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made = append(f.made, route.CreateLink)
	if f.makeErr == nil {
		f.seen = route.Observation{Link: route.LinkPending}
	}
	return f.makeErr
}

func (f *fakeWays) CreateDNS(context.Context, registry.ID, string, string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made = append(f.made, route.CreateDNS)
	if f.makeErr == nil {
		f.seen.Public = route.Resolves
	}
	return f.makeErr
}

func linked(public, private route.DNS) route.Observation {
	return route.Observation{Link: route.LinkRunning, IP: "10.0.0.2", Public: public, Private: private}
}

func always() bool { return true }

// newRoutes starts Routes to one instance in the test's bubble.
func newRoutes(t *testing.T, api RouteAPI, settings route.Settings, changes ...func(*Routes)) *Routes {
	t.Helper()
	r := NewRoutes(RoutesOptions{API: api, Turn: func(bool) bool { return true }, Leading: always, Changed: func() {}})
	r.Set([]registry.Entry{{ID: demoID, Route: registry.RouteAuto}, {ID: "tcr-other002", Route: registry.RoutePublicName}}, settings, 3*time.Minute)
	for _, change := range changes {
		change(r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(t, r.Start(ctx)) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return r
}

func inForce(r *Routes) registry.Route {
	s, _ := r.State(demoID)
	return s.Route
}

func TestRoutesAreLookedAtOnceAPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &fakeWays{seen: linked(route.ResolvesNot, route.Resolves)}
		r := newRoutes(t, api, inVPC)
		assert.False(t, r.Settled())
		synctest.Wait()
		assert.True(t, r.Settled())
		assert.Equal(t, registry.RoutePrivateName, inForce(r), "the first stands at once")
		assert.Equal(t, 1, api.count(), "of the one instance of route: Auto")
		time.Sleep(time.Hour)
		assert.InDelta(t, 18, api.count(), 2)

		api.set(linked(route.Resolves, route.Resolves), nil)
		time.Sleep(4 * time.Minute)
		assert.Equal(t, registry.RoutePublicName, inForce(r))
		assert.LessOrEqual(t, api.count(), 3, "one more look confirms it")

		api.set(route.Observation{Link: route.LinkPending}, nil)
		time.Sleep(4 * time.Minute)
		api.count()
		time.Sleep(time.Minute)
		assert.InDelta(t, 6, api.count(), 2, "it is about to change")
	})
}

func TestRoutesStandWhileTheAPIIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &fakeWays{seen: linked(route.ResolvesNot, route.Resolves)}
		r := newRoutes(t, api, inVPC)
		synctest.Wait()
		api.set(route.Observation{}, errors.New("away (request r-1)"))
		api.count()
		time.Sleep(time.Hour)
		assert.Equal(t, registry.RoutePrivateName, inForce(r))
		assert.Less(t, api.count(), 30)
		s, _ := r.State(demoID)
		assert.Equal(t, route.Problem{Reason: registry.RouteNotKnown, Text: "away"}, s.Problem)

		api.set(route.Observation{Link: route.LinkAbsent}, nil)
		time.Sleep(4 * time.Minute)
		assert.Equal(t, registry.RouteNone, inForce(r))
	})
}

func TestAnotherConfigurationIsLookedForAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &fakeWays{err: fmt.Errorf("%w: it needs x", token.ErrDenied)}
		r := newRoutes(t, api, inVPC)
		synctest.Wait()
		e := registry.Entry{ID: demoID, Route: registry.RouteAuto}
		r.Settle(&e)
		assert.Equal(t, registry.Entry{ID: demoID, Route: registry.RouteNone, Reach: registry.Reach{Reason: registry.RouteDenied, Advice: "access denied: it needs x"}}, e)

		api.set(linked(route.ResolvesNot, route.Resolves), nil)
		other := inVPC
		other.VPC = "vpc-other"
		r.Set([]registry.Entry{{ID: demoID, Route: registry.RouteAuto}}, other, time.Minute)
		assert.Empty(t, inForce(r), "what was seen from another VPC counts for nothing")
		synctest.Wait()
		e = registry.Entry{ID: demoID, Route: registry.RouteAuto, Hosts: registry.Hosts{Public: "demo.tencentcloudcr.com"}}
		r.Settle(&e)
		assert.Equal(t, registry.RoutePrivateName, e.Route)
		assert.Contains(t, e.Reach.Advice, "hosts.private")
	})
}

func TestOneReplicaLooksAndTheOthersLearn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := &fakeWays{seen: linked(route.Resolves, route.ResolvesNot)}
		leader := newRoutes(t, api, inVPC)
		changes := 0
		follower := NewRoutes(RoutesOptions{API: api, Turn: func(bool) bool { return false }, Changed: func() { changes++ }})
		follower.Set([]registry.Entry{{ID: demoID, Route: registry.RouteAuto}}, inVPC, time.Minute)
		synctest.Wait()
		follower.Learn(leader.Known())
		follower.Learn(leader.Known())
		assert.Equal(t, registry.RoutePublicName, inForce(follower))
		assert.Equal(t, 1, changes)
		assert.Equal(t, leader.Known(), follower.Known())

		follower.Learn(map[registry.ID]route.State{demoID: {VPC: inVPC.VPC, Route: registry.RouteNone, At: time.Now().Add(-time.Hour)}})
		assert.Equal(t, registry.RoutePublicName, inForce(follower), "older news")
		_, err := follower.look(t.Context(), demoID, inVPC)
		require.NoError(t, err)
		ahead := follower.Known()[demoID]
		ahead.At = time.Now().Add(time.Hour) // of a clock that is ahead of ours
		leader.Learn(map[registry.ID]route.State{demoID: ahead})
		_, err = leader.look(t.Context(), demoID, inVPC)
		require.NoError(t, err)
		assert.True(t, leader.Known()[demoID].At.After(ahead.At))
	})
}

func TestWhatIsMissingIsMadeOnce(t *testing.T) {
	t.Parallel()
	managed := inVPC
	managed.Manage, managed.Subnet = true, "subnet-abc123"
	synctest.Test(t, func(t *testing.T) {
		api := &fakeWays{seen: route.Observation{Link: route.LinkAbsent}}
		r := newRoutes(t, api, managed)
		time.Sleep(30 * time.Second)
		assert.Equal(t, []route.Step{route.CreateLink}, api.steps())
		api.set(linked(route.ResolvesNot, route.ResolvesNot), nil)
		time.Sleep(time.Minute)
		assert.Equal(t, []route.Step{route.CreateLink, route.CreateDNS}, api.steps())
		assert.Equal(t, registry.RoutePublicName, inForce(r))
		api.count()
		time.Sleep(time.Hour)
		assert.Len(t, api.steps(), 2)
		assert.Less(t, api.count(), 22, "it is looked at as seldom as before")
	})
}

func TestMakingBacksOff(t *testing.T) {
	t.Parallel()
	managed := inVPC
	managed.Manage, managed.Subnet = true, "subnet-abc123"
	synctest.Test(t, func(t *testing.T) {
		api := &fakeWays{seen: route.Observation{Link: route.LinkAbsent}, makeErr: fmt.Errorf("%w: it needs tcr:ManageInternalEndpoint", token.ErrDenied)}
		r := newRoutes(t, api, managed)
		time.Sleep(time.Hour)
		assert.Less(t, len(api.steps()), 15)
		assert.Greater(t, len(api.steps()), 5)
		s, settings := r.State(demoID)
		assert.Contains(t, s.Reach(demoID, settings).Advice, "tcr:ManageInternalEndpoint")
		assert.Equal(t, registry.NoLink, s.Why())

		api.mu.Lock()
		api.makeErr = nil
		api.mu.Unlock()
		r.Set([]registry.Entry{{ID: demoID, Route: registry.RouteAuto}}, managed, 3*time.Minute)
		time.Sleep(5 * time.Second)
		s, _ = r.State(demoID)
		assert.Equal(t, registry.LinkPending, s.Why())
		assert.Zero(t, s.Problem)
	})
	synctest.Test(t, func(t *testing.T) {
		api := &fakeWays{seen: route.Observation{Link: route.LinkAbsent}}
		newRoutes(t, api, managed, func(r *Routes) { r.Leading = func() bool { return false } })
		time.Sleep(time.Hour)
		assert.Empty(t, api.steps(), "only the leader makes anything")
	})
}

func TestALookThatHangsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		api := hanging{"tcr-hang0003": true}
		r := NewRoutes(RoutesOptions{API: api, Turn: func(bool) bool { return true }, Leading: always, Changed: func() {}})
		r.Set([]registry.Entry{{ID: "tcr-hang0003", Route: registry.RouteAuto}, {ID: demoID, Route: registry.RouteAuto}}, inVPC, time.Minute)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { assert.NoError(t, r.Start(ctx)) })
		synctest.Wait()
		assert.Equal(t, registry.RouteNone, inForce(r))
		cancel()
		running.Wait()
	})
}

// hanging is an API that never answers about some instances.
type hanging map[registry.ID]bool

func (h hanging) Observe(ctx context.Context, id registry.ID, _ string) (route.Observation, error) {
	if h[id] {
		<-ctx.Done()
	}
	return route.Observation{Link: route.LinkAbsent}, ctx.Err()
}

func (hanging) CreateLink(context.Context, registry.ID, string, string) error { return nil }
func (hanging) CreateDNS(context.Context, registry.ID, string, string) error  { return nil }
