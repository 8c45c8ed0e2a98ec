package chaos

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
)

const (
	// answeredWithin is for 99 of 100 calls under attack, on two cores that
	// the attackers share.
	answeredWithin = 250 * time.Millisecond
	// memoryBound is half of the limit of the Deployment (deploy/install.yaml).
	memoryBound = 128 << 20
)

// steadily calls at a steady rate for length, whatever becomes of the calls,
// and waits for the answers.
func (l *tally) steadily(t *testing.T, a *apiServer, length, every time.Duration) {
	t.Helper()
	var calls sync.WaitGroup
	start := time.Now()
	for due := time.Duration(0); due < length; due += every {
		wait(t.Context(), time.Until(start.Add(due)))
		calls.Go(func() { l.call(t.Context(), a) })
	}
	calls.Wait()
}

// underAttack has p attacked for length, while 50 pods a second are created.
func underAttack(t *testing.T, p *process, length time.Duration, pod func() *corev1.Pod, attacks []attack) *tally {
	t.Helper()
	a := newAPIServer(t, registration{dial: p.dial, ca: p.CA, policy: admissionregistrationv1.Fail, timeout: usualTimeout})
	defer a.closeIdleConnections()
	ctx, end := context.WithCancel(t.Context())
	var hostile sync.WaitGroup
	for _, attack := range attacks {
		for range attack.callers {
			hostile.Go(func() { attack.run(ctx, p.Address) })
		}
	}
	got := newTally()
	got.pod = pod
	got.steadily(t, a, length, 20*time.Millisecond)
	end()
	hostile.Wait()
	return got
}

// TestHostileCallersCostNoCall attacks a server in a process of its own.
func TestHostileCallersCostNoCall(t *testing.T) {
	length, hostile := 15*time.Second, attacks()
	if testing.Short() { // and with the race detector, which takes ten times the processor
		length = 3 * time.Second
		for i := range hostile {
			hostile[i].callers = 1
		}
	}
	p := startProcess(t)
	underAttack(t, p, time.Second, newPod, nil) // so that what stays for ever is there
	before := p.vitals(t, true)
	quiet := underAttack(t, p, length/3, newPod, nil)
	got := underAttack(t, p, length, newPod, hostile)
	during := p.vitals(t, false)
	after := underAttack(t, p, length/3, newPod, nil)
	t.Logf("before: %s", quiet)
	t.Logf("under attack: %s", got)
	t.Logf("afterwards: %s", after)
	t.Logf("memory: %d MiB at most, %d MiB before; resident at most: %d MiB", during.Peak>>20, before.Memory>>20, p.residentPeak()>>20)
	got.requireNothingLost(t)
	after.requireNothingLost(t)
	// A machine that is busy with other things is slow without an attack, too.
	if !testing.Short() {
		assert.LessOrEqual(t, got.quantile(.99), max(answeredWithin, 10*quiet.quantile(.99), 10*after.quantile(.99)))
	}
	assert.LessOrEqual(t, during.Peak, uint64(memoryBound))
	requireRecovery(t, p, before)
}

// requireRecovery waits until p is as it was before.
func requireRecovery(t *testing.T, p *process, before vitals) {
	t.Helper()
	for start := time.Now(); ; wait(t.Context(), 100*time.Millisecond) {
		now := p.vitals(t, true)
		if now.Goroutines <= before.Goroutines && now.Memory <= before.Memory+8<<20 {
			t.Logf("as before after %s: %d goroutines, %d MiB", time.Since(start).Round(100*time.Millisecond), now.Goroutines, now.Memory>>20)
			return
		}
		if time.Since(start) > settle {
			t.Fatalf("not as before (%+v) even %s after the attack: %+v", before, settle, now)
		}
	}
}
