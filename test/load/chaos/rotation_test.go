package chaos

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/certs"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// rotating is replicas that make their own certificates, on fake time, behind a
// Service and registered with an API server that hears of changes late.
type rotating struct {
	t       *testing.T
	lives   certs.Lives
	storage *storage
	handler http.Handler
	api     *apiServer

	mu       sync.Mutex
	replicas []*rotatingReplica // guarded by mu
	turn     int                // guarded by mu
	dials    atomic.Int64
	leaving  sync.WaitGroup
	kills    map[string]int // of leaders, by what they were about to write; guarded by mu
	killing  bool
}

// rotatingReplica is one of them.
type rotatingReplica struct {
	*certs.Self
	listener *pipes
	endSelf  context.CancelFunc
	end      context.CancelFunc
	ended    sync.WaitGroup
	leading  atomic.Bool
	dying    bool // guarded by mu of rotating
	views    *views
}

// settling is that of package certs for the lives here.
func (r *rotating) settling() time.Duration { return r.lives.CA / 24 }

// start starts a replica, which hears of changes after up to lag.
func (r *rotating) start(lag time.Duration) *rotatingReplica {
	p := &rotatingReplica{listener: newPipes(), views: &views{Reader: r.storage}}
	self, err := certs.NewSelf(certs.SelfOptions{
		Cached: p.views, Live: r.storage, Client: killer{r.storage, r, p}, Namespace: "tcr-webhook",
		Names: certs.ServiceNames("tcr-webhook", "tcr-webhook"), Lives: r.lives,
		Registrations: p.views.registrations, Leading: p.leading.Load,
	})
	require.NoError(r.t, err)
	p.Self = self
	p.views.watch(r.storage, lag, self.Changed)
	server, err := webhook.NewServer(webhook.ServerOptions{Listener: p.listener, GetCertificate: self.GetCertificate, Handler: r.handler, DrainDelay: time.Second})
	require.NoError(r.t, err)
	ctx := logf.IntoContext(r.t.Context(), logr.Discard())
	selfContext, endSelf := context.WithCancel(ctx)
	serverContext, end := context.WithCancel(ctx)
	p.endSelf, p.end = endSelf, end
	p.ended.Go(func() { assert.NoError(r.t, self.Start(selfContext)) })
	p.ended.Go(func() { assert.NoError(r.t, server.Start(serverContext)) })
	return p
}

// join adds a replica once it is ready.
func (r *rotating) join(p *rotatingReplica) {
	for range 600 {
		if p.Ready() == nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.replicas = append(r.replicas, p)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	assert.Fail(r.t, "a replica does not become ready", "%v", p.Ready())
}

// leave takes a replica out that looks at nothing any more, and has it drain.
func (r *rotating) leave(p *rotatingReplica) {
	r.mu.Lock()
	r.replicas = slices.DeleteFunc(r.replicas, func(o *rotatingReplica) bool { return o == p })
	r.mu.Unlock()
	p.endSelf()
	p.end()
	p.ended.Wait()
	p.views.stop()
}

// dial connects to the next replica that is ready.
func (r *rotating) dial(ctx context.Context, network, address string) (net.Conn, error) {
	r.mu.Lock()
	ready := slices.DeleteFunc(slices.Clone(r.replicas), func(p *rotatingReplica) bool { return p.Ready() != nil })
	r.turn++
	n := r.turn
	r.mu.Unlock()
	if len(ready) == 0 {
		return nil, fmt.Errorf("no replica is ready")
	}
	r.dials.Add(1)
	return ready[n%len(ready)].listener.dial(ctx, network, address)
}

// killer is the way of one replica to the API server. It ends the leader now
// and then, before a write or after it.
type killer struct {
	*storage
	r *rotating
	p *rotatingReplica
}

// replace ends what keeps the certificates of p, and has another in its place
// some time later.
func (r *rotating) replace(p *rotatingReplica, when string) {
	r.mu.Lock()
	r.kills[when]++
	p.dying = true
	next := slices.DeleteFunc(slices.Clone(r.replicas), func(o *rotatingReplica) bool { return o.dying })
	r.mu.Unlock()
	p.leading.Store(false)
	p.endSelf()
	r.leaving.Go(func() {
		time.Sleep(rand.N(2 * time.Second)) // the lease
		next[rand.IntN(len(next))].leading.Store(true)
		r.join(r.start(r.settling()))
		r.leave(p)
	})
}

func (r *rotating) mayKill(p *rotatingReplica, what string) (before, after bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	alive := slices.DeleteFunc(slices.Clone(r.replicas), func(o *rotatingReplica) bool { return o.dying })
	if !r.killing || !p.leading.Load() || len(alive) < 3 {
		return false, false
	}
	switch rand.IntN(6) {
	case 0:
		return true, false
	case 1:
		return false, true
	}
	return false, false
}

// startPaced starts callers that all pause in between: fake time passes only
// while everybody waits.
func startPaced(t *testing.T, a *apiServer, callers int, pause time.Duration) *load {
	t.Helper()
	until, stop := context.WithCancel(t.Context())
	l := &load{tally: newTally(), stop: stop}
	for range callers {
		l.done.Go(func() {
			for until.Err() == nil {
				l.call(t.Context(), a)
				wait(until, rand.N(pause))
			}
		})
	}
	return l
}

// rotationGoal is how often the CA changes, and the calls meanwhile.
type rotationGoal struct {
	rotations int
	callers   int
	pause     time.Duration
}

// TestNoCallIsLostByRotations has CAs of two minutes and certificates of forty
// seconds, replicas that hear of changes up to a twelfth of a CA's life late, an
// API server that does nearly as late as is waited for, a handshake for each
// call, and leaders that end before and after each write. It runs on fake time.
func TestNoCallIsLostByRotations(t *testing.T) {
	t.Parallel()
	goal := rotationGoal{rotations: 100, callers: 3, pause: 2 * time.Second}
	if testing.Short() {
		goal = rotationGoal{rotations: 4, callers: 3, pause: time.Second}
	}
	synctest.Test(t, func(t *testing.T) {
		r := &rotating{
			t: t, lives: certs.Lives{CA: 2 * time.Minute, Leaf: 40 * time.Second}, handler: mustHandler(t, nil), kills: map[string]int{},
		}
		r.storage = newStorage(t, registration{policy: admissionregistrationv1.Fail, timeout: usualTimeout})
		r.api = newAPIServer(t, registration{
			dial: r.dial, policy: admissionregistrationv1.Fail, timeout: usualTimeout, live: r.storage.late(r.settling() * 8 / 10),
			tune: func(tr *http.Transport) { tr.DisableKeepAlives = true },
		})
		for i := range 3 {
			p := r.start(r.settling() * 2)
			p.leading.Store(i == 0)
			r.join(p)
		}
		time.Sleep(r.settling()) // until the API server has heard of it, too
		r.killing = true
		l := startPaced(t, r.api, goal.callers, goal.pause)
		for r.storage.authorities() < goal.rotations+1 {
			time.Sleep(time.Second)
			require.Less(t, r.storage.sinceRotation(), 2*r.lives.CA, "the rotations have come to a halt")
		}
		l.finish()
		r.killing = false
		r.leaving.Wait()
		leaves := r.storage.authorities()
		r.stop()
		kills := 0
		for _, n := range r.kills {
			kills += n
		}
		assert.GreaterOrEqual(t, kills, goal.rotations/2, "leaders that ended at a write")
		t.Logf("%d rotations of the CA, %d connections, leaders ended %v: %s", leaves-1, r.dials.Load(), r.kills, l.tally)
		l.requireNothingLost(t)
		assert.GreaterOrEqual(t, l.calls(), 100*goal.rotations)
		assert.GreaterOrEqual(t, r.dials.Load(), int64(l.calls()), "a handshake for each call")
	})
}

func (r *rotating) stop() {
	r.mu.Lock()
	replicas := slices.Clone(r.replicas)
	r.mu.Unlock()
	for _, p := range replicas {
		r.leave(p)
	}
	r.api.stop()
	r.storage.stop()
	time.Sleep(time.Minute) // until all that is on the wire has arrived
}

// TestARotationInPlaceLosesCalls shows that the test above can fail: it is done
// as other webhooks do it, where the caBundle becomes that of the new CA, and the
// servers follow.
func TestARotationInPlaceLosesCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		storage := newStorage(t, registration{policy: admissionregistrationv1.Fail, timeout: usualTimeout})
		listener := newPipes()
		var served atomic.Pointer[tls.Certificate]
		server, err := webhook.NewServer(webhook.ServerOptions{Listener: listener, Handler: mustHandler(t, nil), DrainDelay: time.Second,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return served.Load(), nil }})
		require.NoError(t, err)
		ctx, end := context.WithCancel(logf.IntoContext(t.Context(), logr.Discard()))
		ended := make(chan error, 1)
		go func() { ended <- server.Start(ctx) }()
		api := newAPIServer(t, registration{dial: listener.dial, policy: admissionregistrationv1.Fail, timeout: usualTimeout,
			live: storage.late(time.Millisecond), tune: func(tr *http.Transport) { tr.DisableKeepAlives = true }})
		rotate := func(later time.Duration) {
			id := mustIdentity(t)
			storage.overwrite(id.ca)
			time.Sleep(later)
			served.Store(id.leaf)
		}
		rotate(0)
		time.Sleep(time.Second)
		l := startPaced(t, api, 4, time.Second)
		time.Sleep(5 * time.Second)
		rotate(time.Second)
		time.Sleep(5 * time.Second)
		l.finish()
		t.Logf("one rotation in place: %s", l.tally)
		assert.Positive(t, l.losses())
		end()
		require.NoError(t, <-ended)
		api.stop()
		storage.stop()
		time.Sleep(time.Minute)
	})
}
