package credentials

import (
	"context"
	"sync/atomic"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Lease tells whether anybody leads. Clocks of machines differ, so the times in
// the Lease are not looked at: a Lease that moves, by our own clock, has a
// leader.
type Lease struct {
	// Live reads from the API server.
	Live            client.Reader
	Namespace, Name string
	// Elected is closed when this replica leads.
	Elected <-chan struct{}

	still atomic.Bool
}

const (
	lookAtLease = 5 * time.Second
	// abandoned is how long a Lease stands still before it counts as nobody's:
	// a leader renews it every two seconds, and gives up after ten.
	abandoned = 20 * time.Second
)

// Leading tells whether this replica leads.
func (l *Lease) Leading() bool {
	select {
	case <-l.Elected:
		return true
	default:
		return false
	}
}

// Leaderless tells whether nobody leads.
func (l *Lease) Leaderless() bool { return !l.Leading() && l.still.Load() }

// Start watches the Lease until ctx ends, or this replica leads.
func (l *Lease) Start(ctx context.Context) error {
	tick := time.NewTicker(lookAtLease)
	defer tick.Stop()
	moved, last := time.Now(), ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.Elected:
			return nil
		case <-tick.C:
		}
		if version, ok := l.version(ctx); ok && version != last {
			moved, last = time.Now(), version
		}
		l.still.Store(time.Since(moved) >= abandoned)
	}
}

// NeedLeaderElection is false: it is for those who do not lead.
func (l *Lease) NeedLeaderElection() bool { return false }

// version changes whenever the Lease is renewed.
func (l *Lease) version(ctx context.Context) (string, bool) {
	ctx, cancel := context.WithTimeout(ctx, lookAtLease)
	defer cancel()
	var lease coordinationv1.Lease
	if l.Live.Get(ctx, types.NamespacedName{Namespace: l.Namespace, Name: l.Name}, &lease) != nil {
		return "", false // none, or an API server that does not answer: nothing has moved
	}
	return string(lease.UID) + lease.ResourceVersion, true
}
