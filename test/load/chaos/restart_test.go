package chaos

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/test/stack/service"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// deployment is replicas behind a Service.
type deployment struct {
	service  service.Service
	identity identity
	handler  http.Handler
	serve    serve
	// lag is how long an endpoint stays in the Service after its replica was
	// told to end: at random between the two.
	minLag, maxLag time.Duration

	replicas []*replica
	leaving  sync.WaitGroup
	failed   chan error
}

func startDeployment(t *testing.T, d *deployment, replicas int) {
	t.Helper()
	d.identity, d.failed = mustIdentity(t), make(chan error, 1000)
	for range replicas {
		d.replicas = append(d.replicas, d.start(t))
	}
}

// start starts a replica, whose endpoint joins when it is ready.
func (d *deployment) start(t *testing.T) *replica {
	t.Helper()
	r, err := startReplica(t.Context(), d.identity, d.handler, d.serve)
	require.NoError(t, err)
	d.service.Add(r.address)
	return r
}

// roll replaces every replica once: the new one is ready before the old one is
// told to end, and the next follows while that one still drains, as in a
// rolling update of a Deployment. It returns when the endpoints have left.
func (d *deployment) roll(t *testing.T) {
	t.Helper()
	var left sync.WaitGroup
	for i, old := range d.replicas {
		d.replicas[i] = d.start(t)
		d.end(t, old, &left)
		wait(t.Context(), rand.N(d.maxLag/4))
	}
	left.Wait()
}

// end tells r to end; left is done when its endpoint has gone.
func (d *deployment) end(t *testing.T, r *replica, left *sync.WaitGroup) {
	t.Helper()
	r.end()
	left.Go(func() {
		wait(context.WithoutCancel(t.Context()), d.minLag+rand.N(d.maxLag-d.minLag))
		d.service.Remove(r.address)
	})
	d.leaving.Go(func() {
		if err := <-r.ended; err != nil {
			d.failed <- err
		}
	})
}

// stop ends all replicas, after the last call.
func (d *deployment) stop(t *testing.T) {
	t.Helper()
	for _, r := range d.replicas {
		r.end()
		assert.NoError(t, <-r.ended)
	}
	d.leaving.Wait()
	close(d.failed)
	for err := range d.failed {
		assert.NoError(t, err)
	}
}

// rolled is what was seen of a deployment that was restarted under load.
type rolled struct {
	*tally
	rolls int
	dials int64
}

// rollUnderLoad restarts d at least so many times, under at least so many
// calls, by as many callers that pause in between as callers that do not.
func rollUnderLoad(t *testing.T, d *deployment, callers, rolls, calls int) rolled {
	t.Helper()
	startDeployment(t, d, 3)
	a := newAPIServer(t, registration{dial: d.service.Dial, ca: d.identity.ca, policy: admissionregistrationv1.Fail, timeout: usualTimeout})
	l := startLoad(t, a, callers, 100*time.Millisecond)
	n := 0
	for start := time.Now(); n < rolls || l.calls() < calls; n++ {
		require.Less(t, time.Since(start), 2*time.Minute, "%d rolls and %s", n, l)
		d.roll(t)
	}
	d.leaving.Wait() // the last to leave shuts down under load, too
	l.finish()
	a.closeIdleConnections()
	d.stop(t)
	t.Logf("%d rolling restarts of 3 replicas, %d connections: %s", n, d.service.Dials(), l)
	return rolled{tally: l.tally, rolls: n, dials: d.service.Dials()}
}

// TestNoCallIsLostByRollingRestarts has the times of a cluster: endpoints
// leave within two seconds, and a replica drains for ten.
func TestNoCallIsLostByRollingRestarts(t *testing.T) {
	if testing.Short() {
		t.Skip("its scaled counterpart runs instead")
	}
	d := &deployment{handler: mustHandler(t, nil), serve: ours(0), maxLag: 2 * time.Second}
	got := rollUnderLoad(t, d, 12, 10, 50_000)
	got.requireNothingLost(t)
	assert.GreaterOrEqual(t, got.rolls, 10)
	assert.GreaterOrEqual(t, got.calls(), 50_000)
}

// TestNoCallIsLostByFastRollingRestarts has a third of a cluster's times. Less
// would test the machine: a connection that is idle for the whole drain is
// closed with it, and the caller has to be told before it tries to use it.
func TestNoCallIsLostByFastRollingRestarts(t *testing.T) {
	callers, rolls, calls := 12, 15, 5_000
	if testing.Short() {
		callers, rolls, calls = 2, 3, 200
	}
	d := &deployment{handler: mustHandler(t, nil), serve: ours(10 * time.Second / 3), maxLag: 2 * time.Second / 3}
	rollUnderLoad(t, d, callers, rolls, calls).requireNothingLost(t)
}

// TestRollingRestartsOfAnAbruptServerLoseCalls shows that these tests can fail.
func TestRollingRestartsOfAnAbruptServerLoseCalls(t *testing.T) {
	d := &deployment{handler: mustHandler(t, nil), serve: abrupt, minLag: 100 * time.Millisecond, maxLag: 200 * time.Millisecond}
	got := rollUnderLoad(t, d, 4, 2, 100)
	assert.Positive(t, got.losses())
}

// TestUnmutatedPodsAreCounted shows the same of a server that answers, and
// does nothing.
func TestUnmutatedPodsAreCounted(t *testing.T) {
	nothing := mustHandler(t, func(o *webhook.PodsOptions) {
		o.Snapshot = func() *webhook.State { return &webhook.State{Directory: &registry.Directory{}} }
	})
	d := &deployment{handler: nothing, serve: ours(time.Second), maxLag: 20 * time.Millisecond}
	got := rollUnderLoad(t, d, 2, 1, 50)
	assert.Zero(t, got.losses(), got.lost)
	assert.Equal(t, got.calls(), got.unmutated)
}
