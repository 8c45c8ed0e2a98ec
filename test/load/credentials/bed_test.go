package credentials

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

const (
	replicas = 3
	// pullSecret is the name of every pull Secret.
	pullSecret = "tcr-pull"
	// issue is the action that must be called as little as possible.
	issue = "CreateInstanceToken"
	// marker is planted in what a broken API answers.
	marker = "marker-71c0de"
)

var image = stack.PublicHost + "/team/hello:1"

// setup is what a test begins with.
type setup struct {
	life       time.Duration // of a token
	namespaces int
	config     string // default stack.DefaultConfig
	env        []string
	unaudited  bool // the audit costs the API server as much again
	prepare    func(*tencent.Cloud)
}

// bed is a running system with namespaces that have their Secrets.
type bed struct {
	*stack.Stack
	setup
	clock  *clock
	ledger *ledger.Ledger
	names  []string
	// broken is when the cloud did not answer as it should: what it issued
	// then, nobody may have got.
	broken []ledger.Span
	// restarted says that the API server was: until it has read its own rules
	// again, it refuses everything.
	restarted bool
}

// clock is the cloud's.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// start starts a system, and has it judged when the test ends.
func start(t *testing.T, o setup, bounds ledger.Bounds) *bed {
	t.Helper()
	return startAt(t, o, bounds, 0)
}

// startAt is start with a cloud whose clock is ahead by offset.
func startAt(t *testing.T, o setup, bounds ledger.Bounds, offset time.Duration) *bed {
	t.Helper()
	b := &bed{setup: o, clock: &clock{}}
	b.clock.offset.Store(int64(offset))
	var err error
	b.Stack, err = stack.Start(t.Context(), stack.Options{
		Dir: t.TempDir(), Binary: binary, Replicas: replicas, Config: o.config, Env: o.env, Audit: !o.unaudited, Now: b.clock.now,
		Prepare: func(c *tencent.Cloud) {
			c.SetTokenLifetime(o.life)
			if o.prepare != nil {
				o.prepare(c)
			}
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Stop()) })
	_, err = b.Cloud.Push(t.Context(), image)
	require.NoError(t, err)
	b.ledger = ledger.New(b.Client, pullSecret, b.clock.now)
	b.run(t, b.ledger.Start)
	<-b.ledger.Open()
	t.Cleanup(func() { b.judge(t, bounds) }) // before what the ledger watches is stopped
	b.run(t, b.Supervise)
	return b
}

// run runs a part until the test ends.
func (b *bed) run(t *testing.T, part func(context.Context) error) {
	t.Helper()
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	var done sync.WaitGroup
	done.Go(func() { assert.NoError(t, part(ctx)) })
	t.Cleanup(func() { end(); done.Wait() })
}

// settle creates the namespaces with a pod each and returns when every one has
// its Secret.
func (b *bed) settle(t *testing.T) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	for i := range b.namespaces {
		name := fmt.Sprintf("team-%d", i)
		b.names = append(b.names, name)
		group.Go(func() error { return b.firstPod(t.Context(), name) })
	}
	require.NoError(t, group.Wait())
	b.await(t, "every namespace to have its Secret", 30*time.Second, func() bool {
		for _, name := range b.names {
			if _, err := b.ledger.Last(name); err != nil {
				return false
			}
		}
		return true
	})
}

func (b *bed) firstPod(ctx context.Context, namespace string) error {
	err := b.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	if err != nil {
		return err
	}
	return b.Client.Create(ctx, newPod(namespace))
}

func newPod(namespace string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "hello-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}},
	}
}

// await waits for a condition of the running system.
func (b *bed) await(t *testing.T, what string, within time.Duration, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, within, 100*time.Millisecond, "waited %s for %s", within, what)
}

// issued is when tokens were issued for the instance, oldest first.
func (b *bed) issued(instance string) (at []time.Time) {
	for _, c := range b.Cloud.Calls(issue) {
		if c.Answered && c.Status == 200 && c.Code == "" && c.Params["RegistryId"] == instance && !b.inBroken(c.Time) {
			at = append(at, c.Time)
		}
	}
	return at
}

func (b *bed) inBroken(at time.Time) bool {
	for _, s := range b.broken {
		if !at.Before(s.From) && !at.After(s.To) {
			return true
		}
	}
	return false
}

// atAge returns when the newest token has used this share of its life. One
// that is past it already is waited out.
func (b *bed) atAge(t *testing.T, share float64) {
	t.Helper()
	age := func() float64 {
		all := b.issued(stack.InstanceID)
		require.NotEmpty(t, all, "no token was ever issued")
		return b.clock.now().Sub(all[len(all)-1]).Seconds() / b.life.Seconds()
	}
	past := age() > share
	b.await(t, "a token of that age", 2*b.life, func() bool {
		if past {
			past = age() > share
			return false
		}
		return age() >= share
	})
}

// pass lets a share of a token's life go by.
func (b *bed) pass(t *testing.T, share float64) {
	t.Helper()
	pass(t, time.Duration(share*float64(b.life)))
}

func pass(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.Context().Done():
	case <-timer.C:
	}
}

// fresh tells whether every namespace has a login that lasts beyond at.
func (b *bed) fresh(at time.Time) bool {
	for _, name := range b.names {
		last, err := b.ledger.Last(name)
		if err != nil || !last.Expires.After(at) {
			return false
		}
	}
	return true
}

// recovers fails the test unless every namespace gets a login, within this
// time, that lasts for half a life and more from now, and unless all is well
// until it has been renewed once more, which is after four fifths of its life at
// the latest.
func (b *bed) recovers(t *testing.T, within time.Duration) {
	t.Helper()
	mended := time.Now()
	horizon := b.clock.now().Add(b.life / 2)
	b.await(t, "every namespace to have a fresh login", within, func() bool { return b.fresh(horizon) })
	t.Logf("recovered %s after the fault", time.Since(mended).Round(100*time.Millisecond))
	b.pass(t, .85)
}

// judge holds the whole run to the bounds, and looks for leaks.
func (b *bed) judge(t *testing.T, bounds ledger.Bounds) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	violations := b.ledger.Violations(bounds)
	assert.Empty(t, violations[:min(len(violations), 20)], "%d violations", len(violations))
	for _, i := range b.Cloud.Instances() {
		at := b.issued(i.ID)
		assert.Zero(t, ledger.Premature(at, b.life), "tokens of %s that were issued too soon, of %d", i.ID, len(at))
	}
	leaks, err := b.Leaks(ctx, marker)
	require.NoError(t, err)
	assert.Empty(t, leaks, "outputs that hold a login")
	if !b.restarted && !b.unaudited {
		denied, err := b.Denied()
		require.NoError(t, err)
		assert.Empty(t, denied, "what our ServiceAccount lacks")
	}
	t.Logf("writes %v, %d calls of %s", b.ledger.Writes(), len(b.Cloud.Calls(issue)), issue)
	if len(b.names) > 0 {
		b.pull(ctx, t, b.names[0])
	}
	if t.Failed() {
		b.showLogs(t)
	}
}

// pull pulls the image as a kubelet of a namespace would.
func (b *bed) pull(ctx context.Context, t *testing.T, namespace string) {
	t.Helper()
	var s corev1.Secret
	require.NoError(t, b.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: pullSecret}, &s))
	_, err := b.Pull(ctx, stack.PrivateHost+"/team/hello:1", &s)
	assert.NoError(t, err, "a pull in %s", namespace)
}

func (b *bed) showLogs(t *testing.T) {
	t.Helper()
	for i, r := range b.Servers {
		log, err := r.Log()
		require.NoError(t, err)
		t.Logf("the end of the log of replica %d:\n%s", i, log[max(0, len(log)-5000):])
	}
}
