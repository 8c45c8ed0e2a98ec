package main

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/statuspage"
)

// page reads what the status page shows: the document that the leader keeps,
// whoever leads, and the Lease. Every replica shows the same.
type page struct {
	live      client.Reader
	namespace string
	self      func() statuspage.Replica

	flight singleflight.Group
	last   atomic.Pointer[reading]
}

// reading is what was read of the API server, the last time that it answered.
type reading struct {
	view statuspage.View
	at   time.Time
}

const (
	// pageEvery bounds what anybody who can reach the port makes us ask the API
	// server for.
	pageEvery = 2 * time.Second
	// pageTimeout is short: whoever waits may as well see what was so before.
	pageTimeout = 3 * time.Second
)

// addStatusPage hangs the page in beside the metrics.
func (s *server) addStatusPage() error {
	p := &page{live: s.mgr.GetAPIReader(), namespace: s.opts.namespace, self: s.self}
	return errors.Join(
		s.mgr.AddMetricsServerExtraHandler("/status", statuspage.Handler(p.view)),
		s.mgr.AddMetricsServerExtraHandler("/", statuspage.Door("/status")),
	)
}

// self is what this replica says of itself.
func (s *server) self() statuspage.Replica {
	r := statuspage.Replica{Name: replica(), Version: version(), Leading: s.leading() == 1}
	if err := s.ready(nil); err != nil {
		r.NotReady = err.Error()
	}
	return r
}

// view is what is to be shown now. What was read stands when it cannot be read
// again.
func (p *page) view(ctx context.Context) *statuspage.View {
	now := time.Now()
	last := p.last.Load()
	problem := ""
	if last == nil || now.Sub(last.at) > pageEvery {
		// Detached: one reader who leaves must not take the page from the rest.
		read, err, _ := p.flight.Do("", func() (any, error) { return p.read(context.WithoutCancel(ctx)) })
		switch {
		case err == nil:
			last, _ = read.(*reading)
			p.last.Store(last)
		case last == nil:
			last = &reading{}
			problem = "The API server does not say how matters stand; see the log of the leader."
		default:
			problem = "The API server does not answer: this is what was read at " + last.at.UTC().Format("15:04:05 UTC") + "."
		}
	}
	v := last.view
	v.Now, v.Self, v.Problem = now, p.self(), problem
	return &v
}

// read asks the API server.
func (p *page) read(ctx context.Context) (*reading, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	r := &reading{at: time.Now()}
	var cm corev1.ConfigMap
	var lease coordinationv1.Lease
	for name, into := range map[string]client.Object{status.ConfigMapName: &cm, leaseName: &lease} {
		if err := p.live.Get(ctx, types.NamespacedName{Namespace: p.namespace, Name: name}, into); err != nil && !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	if d, err := status.Decode(cm.Data); err == nil { // otherwise it is another version's, or not there yet
		r.view.Document, r.view.Changed = d, changed(&cm)
	}
	if holder := lease.Spec.HolderIdentity; holder != nil && lease.Spec.RenewTime != nil {
		r.view.Leader, _, _ = strings.Cut(*holder, "_") // the host's name, and a random part
		r.view.Renewed = lease.Spec.RenewTime.Time
	}
	return r, nil
}

// changed is when anybody changed the data of a ConfigMap last.
func changed(cm *corev1.ConfigMap) time.Time {
	var last time.Time
	for _, m := range cm.ManagedFields {
		if m.Time != nil && m.Time.After(last) {
			last = m.Time.Time
		}
	}
	return last
}
