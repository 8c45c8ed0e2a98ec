package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/load/storm/judge"
)

const (
	// every is how often somebody of the crowd wants something, whether or not
	// what they wanted before is done.
	every = 150 * time.Millisecond
	// most is how many namespaces there are at a time.
	most = 30
	// patience is how long a request may take, beyond the API server's own time-outs
	// of a webhook.
	patience = 20 * time.Second
)

// crowd creates namespaces and pods, and deletes the oldest. Use newCrowd.
type crowd struct {
	bed *bed
	wg  sync.WaitGroup

	mu     sync.Mutex // guards what is below
	rand   *rand.Rand
	names  []string // of namespaces that pods may come to, oldest first
	number int
}

func newCrowd(b *bed) *crowd { return &crowd{bed: b, rand: rand.New(rand.NewPCG(1, 1))} } //nolint:gosec // it has to come again

// start has the crowd come until ctx ends, and returns when all have been served.
func (c *crowd) start(ctx context.Context) error {
	defer c.wg.Wait()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		c.mu.Lock()
		creates := c.rand.IntN(8) == 0 || len(c.names) < 6
		var oldest string
		if len(c.names) >= most && creates {
			oldest, c.names = c.names[0], c.names[1:]
		}
		c.mu.Unlock()
		own := context.WithoutCancel(ctx)
		c.wg.Go(func() {
			if oldest != "" {
				c.delete(own, oldest)
			}
			if creates {
				c.found(own)
				return
			}
			c.visit(own)
		})
	}
}

func (c *crowd) intn(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rand.IntN(n)
}

// newName is that of a namespace that is to be.
func (c *crowd) newName() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	return fmt.Sprintf("%c-%d", 'a'+c.rand.IntN(3), c.number)
}

// any is a namespace of the crowd; empty for none.
func (c *crowd) any(target int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.names) == 0 {
		return ""
	}
	return c.names[target%len(c.names)]
}

// serving are the instances that serve a namespace.
func serving(namespace string) (all []served) {
	class, _, _ := strings.Cut(namespace, "-")
	for _, s := range instances() {
		if s.serves(class) {
			all = append(all, s)
		}
	}
	return all
}

// found creates a namespace with its first pod.
func (c *crowd) found(ctx context.Context) {
	name := c.newName()
	if c.create(ctx, name) != nil {
		return // an API server that does not answer is no namespace
	}
	c.pod(ctx, name, true)
	c.mu.Lock()
	c.names = append(c.names, name)
	c.mu.Unlock()
}

func (c *crowd) create(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.bed.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// visit creates a pod in one of the namespaces.
func (c *crowd) visit(ctx context.Context) {
	if name := c.any(c.intn(1 << 16)); name != "" {
		c.pod(ctx, name, true)
	}
}

// sites are where a pod has its image.
var sites = [...]string{"containers", "initContainers", "volumes"}

// pod creates a pod with an image of one of the instances in one of its sites,
// writes down what became of it, and deletes it. The pull Secret of the namespace
// is ours, or somebody else's.
func (c *crowd) pod(ctx context.Context, namespace string, ours bool) {
	all := serving(namespace)
	s := all[c.intn(len(all))]
	site := sites[c.intn(len(sites))]
	image := s.host() + "/team/hello:1"
	p := newPod(namespace, site, image)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a := judge.Admission{Begun: time.Now(), Namespace: namespace, Instance: s.id, Site: site, Asked: image}
	err := c.bed.Client.Create(ctx, p)
	a.Ended = time.Now()
	a.Outcome, a.Error = outcome(err)
	if a.Outcome == "" {
		return // it was too late for this namespace
	}
	if err == nil {
		a.Got = imageAt(p, site)
		a.Named = slices.Contains(p.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: pullSecret})
		if ours && a.Named {
			c.bed.wants(namespace)
		}
		_ = c.bed.Client.Delete(ctx, p, client.GracePeriodSeconds(0)) // or it goes with its namespace
	}
	c.bed.record.admitted(a)
}

// wants says that a namespace is to have its Secret from now on.
func (b *bed) wants(namespace string) {
	b.record.space(namespace, func(s *judge.Space) {
		if !s.Wanted.IsZero() {
			return
		}
		s.Wanted = time.Now()
		for _, i := range serving(namespace) {
			s.Hosts = append(s.Hosts, i.host())
		}
	})
}

func newPod(namespace, site, image string) *corev1.Pod {
	const elsewhere = "docker.io/library/busybox:1"
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "hello-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: elsewhere}}},
	}
	switch site {
	case "initContainers":
		p.Spec.InitContainers = []corev1.Container{{Name: "init", Image: image}}
	case "volumes":
		p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: image}}}}
	default:
		p.Spec.Containers[0].Image = image
	}
	return p
}

func imageAt(p *corev1.Pod, site string) string {
	switch site {
	case "initContainers":
		return p.Spec.InitContainers[0].Image
	case "volumes":
		return p.Spec.Volumes[0].Image.Reference
	}
	return p.Spec.Containers[0].Image
}

// outcome reads what an answer says; empty for one that tells nothing, since the
// namespace was deleted meanwhile.
func outcome(err error) (judge.Outcome, string) {
	switch {
	case err == nil:
		return judge.Admitted, ""
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause), apierrors.IsNotFound(err):
		return "", ""
	case strings.Contains(err.Error(), "denied the request"):
		return judge.Denied, err.Error()
	case strings.Contains(err.Error(), "failed calling webhook"):
		return judge.Lost, err.Error()
	}
	return judge.Failed, err.Error()
}

// delete deletes a namespace, and does what a controller-manager does then.
func (c *crowd) delete(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c.bed.record.space(name, func(s *judge.Space) { s.Gone = time.Now() })
	for again(ctx, c.bed.finalize(ctx, name)) {
	}
}

// again waits a moment, and tells whether something is to be tried once more.
func again(ctx context.Context, err error) bool {
	if err == nil {
		return false
	}
	timer := time.NewTimer(300 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// finalize empties a namespace that is deleted, and lets it go.
func (b *bed) finalize(ctx context.Context, name string) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := b.Client.Delete(ctx, ns); client.IgnoreNotFound(err) != nil {
		return err
	}
	err := errors.Join(
		b.Client.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(name), client.GracePeriodSeconds(0)),
		b.Client.DeleteAllOf(ctx, &corev1.Secret{}, client.InNamespace(name)),
	)
	if err != nil {
		return err
	}
	if err := b.Client.Get(ctx, client.ObjectKeyFromObject(ns), ns); err != nil {
		return client.IgnoreNotFound(err)
	}
	ns.Spec.Finalizers = nil
	return client.IgnoreNotFound(b.Client.SubResource("finalize").Update(ctx, ns))
}
