package credentials

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

// leaseLife is the life of a token where a leader is lost: a lease runs out
// after 15 s, and what is due meanwhile must not end before it is found.
const leaseLife = 80 * time.Second

// The leader dies when half of the wave is written.
func TestTheLeaderIsKilledInAWave(t *testing.T) {
	t.Parallel()
	b := start(t, setup{life: leaseLife, namespaces: 200}, usual())
	b.settle(t)
	before := b.ledger.Writes()[ledger.Changed]
	b.await(t, "half of the wave", b.life, func() bool { return b.ledger.Writes()[ledger.Changed]-before >= b.namespaces/2 })
	leader, err := b.Leader(t.Context())
	require.NoError(t, err)
	leader.Kill()
	killed := time.Now()
	b.await(t, "another leader", time.Minute, func() bool {
		_, err := b.Leader(t.Context())
		return err == nil
	})
	t.Logf("another leads %s after the kill, with %d of %d written", time.Since(killed).Round(100*time.Millisecond),
		b.ledger.Writes()[ledger.Changed]-before, b.namespaces)
	b.recovers(t, b.life/2)
}

// The leader stands still for longer than its lease, and comes back when
// another leads already.
func TestTheLeaderFreezesInAWave(t *testing.T) {
	t.Parallel()
	b := start(t, setup{life: leaseLife, namespaces: 100}, usual())
	b.settle(t)
	before := b.ledger.Writes()[ledger.Changed]
	b.await(t, "half of the wave", b.life, func() bool { return b.ledger.Writes()[ledger.Changed]-before >= b.namespaces/2 })
	leader, err := b.Leader(t.Context())
	require.NoError(t, err)
	leader.Pause()
	t.Cleanup(leader.Resume)
	pass(t, 25*time.Second)
	leader.Resume()
	b.recovers(t, b.life/2)
}

// Every replica dies while nothing of the cloud answers. What they have comes
// from the cluster alone.
func TestAllReplicasAreKilledWhileTheCloudHangs(t *testing.T) {
	t.Parallel()
	b := start(t, setup{life: leaseLife, namespaces: 50}, usual())
	b.settle(t)
	b.atAge(t, .05)
	b.Cloud.SetFault("*", tencent.Fault{Hang: true})
	begun := b.clock.now()
	for _, r := range b.Servers {
		r.Kill()
	}
	b.pass(t, .55)
	for i, r := range b.Servers {
		assert.True(t, r.Running(), "replica %d was not started again", i)
	}
	b.Cloud.ClearFaults()
	b.broken = append(b.broken, ledger.Span{From: begun, To: b.clock.now()})
	b.recovers(t, b.life/2)
}

// A token that is fresh is enough for any number of replicas that start anew.
func TestRestartsCallNothing(t *testing.T) {
	t.Parallel()
	b := start(t, setup{life: time.Hour, namespaces: 20}, usual())
	b.settle(t)
	require.Len(t, b.issued(stack.InstanceID), 1)
	writes := b.ledger.Writes()
	for _, r := range b.Servers {
		require.NoError(t, r.Stop())
		require.NoError(t, r.Restart(t.Context()))
	}
	for _, r := range b.Servers {
		r.Kill()
	}
	b.await(t, "another leader", time.Minute, func() bool {
		_, err := b.Leader(t.Context())
		return err == nil
	})
	require.NoError(t, b.firstPod(t.Context(), "after"))
	b.await(t, "a Secret", 10*time.Second, func() bool { _, err := b.ledger.Last("after"); return err == nil })
	assert.Len(t, b.issued(stack.InstanceID), 1, "a restart asked for another token")
	writes[ledger.Created]++
	assert.Equal(t, writes, b.ledger.Writes(), "a restart wrote what was good")
}

// outageLife is the life of a token where the API server is away. It may come
// back after 25 s, and those who saw the lease renewed last wait for it to run
// out from then on, another 17 s.
const outageLife = 2 * time.Minute

// outage is a way for the API server to be away.
type outage struct {
	name  string
	begin func(*bed) error
	end   func(*testing.T, *bed) error
	lasts time.Duration
}

func outages() []outage {
	startAgain := func(t *testing.T, b *bed) error { t.Helper(); return b.Cluster.StartAPIServer(t.Context()) }
	resume := func(_ *testing.T, b *bed) error { return b.Cluster.ResumeAPIServer() }
	return []outage{
		{"is restarted", func(b *bed) error { return b.Cluster.StopAPIServer() }, startAgain, 0},
		{"crashes and stays away", func(b *bed) error { return b.Cluster.KillAPIServer() }, startAgain, 15 * time.Second},
		{"hangs", func(b *bed) error { return b.Cluster.PauseAPIServer() }, resume, 20 * time.Second},
	}
}

// The API server goes away when the wave has begun.
func TestOutagesOfTheAPIServer(t *testing.T) {
	t.Parallel()
	for _, o := range outages() {
		t.Run("the API server "+o.name, func(t *testing.T) {
			t.Parallel()
			b := start(t, setup{life: outageLife, namespaces: 100}, usual())
			b.settle(t)
			before := b.ledger.Writes()[ledger.Changed]
			b.await(t, "a tenth of the wave", b.life, func() bool { return b.ledger.Writes()[ledger.Changed]-before >= b.namespaces/10 })
			require.NoError(t, o.begin(b))
			pass(t, o.lasts)
			require.NoError(t, o.end(t, b))
			b.restarted = true
			b.recovers(t, b.life/2)
		})
	}
}
