package main

import (
	"context"
	"sync"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/machine"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

// look is how a moment of the run was.
type look struct {
	at      time.Duration // since the start of the run
	rss     [replicas]float64
	anon    [replicas]float64 // of rss
	changed int               // Secrets so far
}

// vitals looks at the replicas every second. Use newVitals.
type vitals struct {
	bed   *bed
	begun time.Time

	mu    sync.Mutex // guards what is below
	looks []look
	peak  [replicas]float64 // MiB, of all processes that the replica was
	anon  [replicas]float64 // the most of any look
}

func newVitals(b *bed) *vitals { return &vitals{bed: b, begun: time.Now()} }

// watch looks until ctx ends.
func (v *vitals) watch(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		v.look()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look takes down how things are. A replica that is being restarted has no
// memory to speak of.
func (v *vitals) look() {
	l := look{at: time.Since(v.begun), changed: v.bed.ledger.Writes()[ledger.Changed]}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, r := range v.bed.Servers {
		if !r.Running() {
			continue
		}
		pid := machine.PID(r.PID())
		if rss, err := pid.RSS(); err == nil {
			l.rss[i] = rss
		}
		if anon, err := pid.AnonRSS(); err == nil {
			l.anon[i] = anon
			v.anon[i] = max(v.anon[i], anon)
		}
		if peak, err := pid.MaxRSS(); err == nil {
			v.peak[i] = max(v.peak[i], peak)
		}
	}
	v.looks = append(v.looks, l)
}

// now is when it is, in the run.
func (v *vitals) now() time.Duration { return time.Since(v.begun) }

// cpu is what each replica uses while f runs, as a share of one CPU.
func (v *vitals) cpu(f func() error) (shares [replicas]float64, err error) {
	var before [replicas]time.Duration
	for i, r := range v.bed.Servers {
		if before[i], err = machine.PID(r.PID()).CPUTime(); err != nil {
			return shares, err
		}
	}
	begun := time.Now()
	if err := f(); err != nil {
		return shares, err
	}
	took := time.Since(begun)
	for i, r := range v.bed.Servers {
		after, err := machine.PID(r.PID()).CPUTime()
		if err != nil {
			return shares, err
		}
		shares[i] = (after - before[i]).Seconds() / took.Seconds()
	}
	return shares, nil
}
