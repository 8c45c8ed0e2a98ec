package main

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/credentials"
)

// reporter keeps the status document, on the leader: it writes it when
// something has changed, and makes Events of what is news.
type reporter struct {
	client client.Client
	live   client.Reader
	// namespace is our own.
	namespace string
	gather    func(context.Context) *status.Facts
	tell      func(about *corev1.ObjectReference, n status.Notice)

	wake chan struct{} // capacity one

	// Of Start's goroutine alone.
	last    *status.Document // as it is stored, or nil
	written map[string]string
	at      time.Time // of the last write
	failed  string    // why the last write failed, as logged
}

const (
	// reportEvery is how often facts are gathered that no change announces,
	// such as the failure of a renewal.
	reportEvery = 10 * time.Second
	// reportAtMost bounds the writes: one in this time.
	reportAtMost = 2 * time.Second
	// writeAgain is how often the document is applied without a change. It
	// costs no write where nobody has touched it, and brings it back where
	// somebody has.
	writeAgain    = 5 * time.Minute
	reportTimeout = 10 * time.Second
)

// Changed says that something that the document tells of may have changed.
func (r *reporter) Changed() { signal(r.wake) }

// NeedLeaderElection is true: there is one document.
func (r *reporter) NeedLeaderElection() bool { return true }

// Start reports until ctx ends.
func (r *reporter) Start(ctx context.Context) error {
	if !r.load(ctx) {
		return nil
	}
	for {
		r.report(ctx)
		if !pause(ctx, reportAtMost, nil) || !pause(ctx, reportEvery-reportAtMost, r.wake) {
			return nil
		}
	}
}

// load reads the document that was left by whoever led before. It tries until
// there is an answer, or ctx ends: without it, times of transition and Events
// would begin anew.
func (r *reporter) load(ctx context.Context) bool {
	for {
		found, err := r.read(ctx)
		if err == nil {
			r.last = found
			return true
		}
		r.note(ctx, err)
		if !pause(ctx, reportEvery, nil) {
			return false
		}
	}
}

func (r *reporter) read(ctx context.Context) (*status.Document, error) {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	var cm corev1.ConfigMap
	err := r.live.Get(ctx, types.NamespacedName{Namespace: r.namespace, Name: status.ConfigMapName}, &cm)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read ConfigMap %s: %w", status.ConfigMapName, err)
	}
	found, err := status.Decode(cm.Data)
	if err != nil {
		return nil, nil // another version's, or nobody's: it is written anew
	}
	return found, nil
}

// report gathers facts and writes what follows from them, if it is anything
// new.
func (r *reporter) report(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	next := status.Next(r.gather(ctx), r.last, time.Now())
	data, err := status.Encode(next)
	if err == nil && maps.Equal(data, r.written) && time.Since(r.at) < writeAgain {
		return
	}
	var about *corev1.ObjectReference
	if err == nil {
		about, err = r.write(ctx, data)
	}
	r.note(ctx, err)
	if err != nil {
		return
	}
	// Told when it is stored, so that nobody tells it a second time.
	for _, n := range status.Notices(r.last, next) {
		r.tell(about, n)
	}
	r.last, r.written, r.at = next, data, time.Now()
}

// write applies the ConfigMap and returns a reference to this version of it.
func (r *reporter) write(ctx context.Context, data map[string]string) (*corev1.ObjectReference, error) {
	cm := corev1ac.ConfigMap(status.ConfigMapName, r.namespace).
		WithLabels(map[string]string{"app.kubernetes.io/managed-by": credentials.FieldManager}).
		WithData(data)
	if err := r.client.Apply(ctx, cm, client.FieldOwner(credentials.FieldManager), client.ForceOwnership); err != nil {
		return nil, fmt.Errorf("apply ConfigMap %s: %w", status.ConfigMapName, err)
	}
	about := &corev1.ObjectReference{APIVersion: "v1", Kind: "ConfigMap", Namespace: r.namespace, Name: status.ConfigMapName}
	if cm.UID != nil && cm.ResourceVersion != nil {
		about.UID, about.ResourceVersion = *cm.UID, *cm.ResourceVersion
	}
	return about, nil
}

// note logs why there is no status, once, and that there is one again.
func (r *reporter) note(ctx context.Context, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if ctx.Err() == nil && text != r.failed && err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Status not written; it is tried again")
	}
	r.failed = text
}
