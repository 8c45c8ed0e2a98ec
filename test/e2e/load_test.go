//go:build linux

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

// rate is how many pods are made in a second.
const rate = 20

// load makes pods that nobody schedules, for they are about admission alone.
type load struct {
	client client.Client

	mu        sync.Mutex
	made      int // these under mu
	unchanged int
	failed    []failure
	slowest   time.Duration
}

// failure is a pod that was refused.
type failure struct {
	at  time.Time // when it was sent
	err error
}

func (f failure) String() string { return f.at.Format("15:04:05.000") + " " + f.err.Error() }

// run makes pods until ctx ends, and waits for their answers.
func (l *load) run(ctx context.Context, namespace string) {
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			all.Go(func() { l.create(context.WithoutCancel(ctx), namespace) })
		}
	}
}

func (l *load) create(ctx context.Context, namespace string) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "load-"},
		Spec: corev1.PodSpec{
			SchedulerName: "nobody",
			Containers:    []corev1.Container{{Name: "app", Image: appImage}},
		},
	}
	started := time.Now()
	err := l.client.Create(ctx, pod)
	took := time.Since(started)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made++
	l.slowest = max(l.slowest, took)
	if err != nil {
		l.failed = append(l.failed, failure{started, err})
		return
	}
	if !strings.HasPrefix(pod.Spec.Containers[0].Image, privateHost+"/") || len(pod.Spec.ImagePullSecrets) != 1 {
		l.unchanged++
	}
}

// authorities are the CAs that have signed.
type authorities struct {
	mu   sync.Mutex
	seen map[string]bool // under mu
}

// watch collects them until ctx ends.
func (a *authorities) watch(ctx context.Context, b *bed) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		var secret corev1.Secret
		if err := b.client.Get(ctx, client.ObjectKey{Namespace: release, Name: "tcr-webhook-ca"}, &secret); err == nil {
			a.mu.Lock()
			a.seen[string(secret.Data["current.crt"])] = true
			a.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (a *authorities) len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.seen)
}

// loadTime is enough for what is done under load, and for a new authority.
const loadTime = 60 * time.Second

// crashTime is how long a replica may be called after it has crashed: until the
// kubelet has seen it, which looks every second, and kube-proxy heard of that, on
// a machine that is busy. What it was just answering is lost as well, for no API
// server asks again.
const crashTime = 5 * time.Second

// crashes are when replicas were killed without a word.
type crashes []time.Time

// excuse reports whether a call may have been to a replica that crashed.
func (c crashes) excuse(f failure) bool {
	return slices.ContainsFunc(c, func(at time.Time) bool {
		return f.at.After(at.Add(-crashTime)) && f.at.Before(at.Add(crashTime))
	})
}

// nothingIsLost makes pods all the while the server is rolled, replicas and the
// leader are deleted, and certificates of two minutes are replaced. In the end
// both crash, one after the other, which may cost the calls that they are sent
// until that is known.
func (b *bed) nothingIsLost(t *testing.T) {
	t.Helper()
	b.namespace(t, "load", nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l := &load{client: b.client}
	signed := &authorities{seen: map[string]bool{}}
	var all sync.WaitGroup
	all.Go(func() { l.run(ctx, "load") })
	all.Go(func() { signed.watch(ctx, b) })
	started := time.Now()
	say := func(what string) { t.Logf("%5.1f s: %s", time.Since(started).Seconds(), what) }

	say("rolling the server")
	b.upgrade(t, chart.Values{"podAnnotations": chart.Values{"e2e": "under load"}})
	b.server(t)
	say("deleting a follower")
	b.replace(t, b.follower(t), client.GracePeriodSeconds(30))
	say("deleting the leader, by force")
	b.replace(t, b.leader(t), client.GracePeriodSeconds(0))
	say("waiting for another authority")
	eventually(t, "another authority", func() (bool, string) {
		return signed.len() > 1 && time.Since(started) > loadTime, "the same one signs"
	})
	var killed crashes
	for _, which := range []func(*testing.T) corev1.Pod{b.follower, b.leader} {
		pod := which(t)
		say("crashing " + pod.Name)
		killed = append(killed, time.Now())
		b.crash(t, pod)
		time.Sleep(crashTime) // until it is called again
	}
	stop()
	all.Wait()

	before := len(l.failed)
	l.failed = slices.DeleteFunc(l.failed, killed.excuse)
	t.Logf("%d pods in %s: %d refused when a replica crashed, %d refused else, %d unchanged, the slowest took %s; %d authorities signed",
		l.made, time.Since(started).Round(time.Second), before-len(l.failed), len(l.failed), l.unchanged, l.slowest.Round(time.Millisecond), signed.len())
	assert.Empty(t, l.failed, "failed admissions")
	assert.Zero(t, l.unchanged, "pods that the webhook did not see")
	assert.Greater(t, l.made, int(loadTime.Seconds())*rate/2, "too few pods to tell anything")
	go b.forget("load") // that many take a while
}

// forget deletes a namespace.
func (b *bed) forget(name string) {
	err := b.client.Delete(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	if err != nil {
		fmt.Println(err)
	}
}
