package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-logr/logr"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// NamespacesPath is where namespaces are looked at. Nothing is written into
// them.
const NamespacesPath = "/validate/namespaces"

// NamespacesOptions are what the webhook for namespaces decides and acts by.
// All are needed.
type NamespacesOptions struct {
	// Snapshot gives the state to decide by; nil before there is one.
	Snapshot func() *State
	// Deliveries starts what a namespace gets unasked.
	Deliveries Deliveries
	// Metrics counts.
	Metrics *Metrics
}

// Deliveries has pull Secrets delivered before a pod asks for them.
type Deliveries interface {
	// Expect says that namespace is about to be created or changed, and is to
	// have its pull Secret when that has happened; it may never happen. Expect
	// returns at once.
	Expect(namespace string)
}

// Namespaces that are created get their pull Secret a moment later, where the
// configuration or their own annotation says so.
type namespaces struct {
	NamespacesOptions
	queue queue
}

// NewNamespaces checks options and returns what NamespacesPath serves.
func NewNamespaces(options NamespacesOptions) (http.Handler, error) {
	if options.Snapshot == nil || options.Deliveries == nil || options.Metrics == nil {
		return nil, errors.New("namespaces webhook: an option is missing")
	}
	n := &namespaces{NamespacesOptions: options, queue: newQueue()}
	// Namespaces are few and small.
	room := newBudget(1<<20, maxBody)
	return &endpoint{webhook: webhookNamespaces, metrics: options.Metrics, budget: room, decode: decodeNamespace, answer: n.answer}, nil
}

func (n *namespaces) answer(ctx context.Context, c *call) answer {
	state := n.queue.state(ctx, c.start.Add(c.timeout/2), n.Snapshot)
	if state == nil {
		return cold()
	}
	r := &c.namespace.Request
	d := DecideNamespace(r, state.Directory)
	if d.Deliver && !r.DryRun {
		n.Deliveries.Expect(nameOf(r))
	}
	if d.Skip != "" {
		n.Metrics.skip(d.Skip)
	}
	if log := logr.FromContextOrDiscard(ctx).V(1); log.Enabled() {
		log.Info("Decided a namespace", "namespace", nameOf(r), "operation", r.Operation, "skip", d.Skip, "deliver", d.Deliver, "denied", d.Denial != "")
	}
	c.response = appendVerdict(c.response[:0], r.UID, d.verdict(r.DryRun))
	return reviewed(d.result(), c.response)
}

// NamespaceDecision is what becomes of a namespace.
type NamespaceDecision struct {
	// Skip is why the namespace was not looked at. It is empty where it was.
	Skip registry.Reason
	// Denial says what is wrong with its annotation, and what would be right.
	Denial string
	// Deliver: it gets its pull Secret without waiting for a pod.
	Deliver bool
}

// Why a namespace is left alone.
const (
	// NotANamespace: neither the creation nor a change of a namespace; the
	// webhook is registered for more than it serves.
	NotANamespace registry.Reason = "NotANamespace"
	// DeliverUnchanged: a change of anything but delivery.Annotation.
	DeliverUnchanged registry.Reason = "DeliverUnchanged"
)

// DecideNamespace tells what becomes of the namespace of r. It reads nothing
// but its arguments. A wrong annotation is denied to whoever writes it, and
// not to whoever changes something else of the namespace later.
func DecideNamespace(r *podview.NamespaceRequest, d *registry.Directory) NamespaceDecision {
	meta := &r.Object.Metadata
	ns := delivery.Namespace{
		Namespace: registry.Namespace{Name: nameOf(r), Labels: meta.Labels},
		Deliver:   meta.Annotations.Deliver,
	}
	switch {
	case r.Kind != (podview.GroupKind{Kind: "Namespace"}) || r.SubResource != "" || r.Operation != podview.Create && r.Operation != podview.Update:
		return NamespaceDecision{Skip: NotANamespace}
	case meta.DeletionTimestamp != "":
		return NamespaceDecision{Skip: Deleting}
	case r.Operation == podview.Update && ns.Deliver == r.OldObject.Metadata.Annotations.Deliver:
		return NamespaceDecision{Skip: DeliverUnchanged}
	}
	if refused, may := delivery.Refused(d, ns); len(refused) > 0 {
		return NamespaceDecision{Denial: refusal(ns.Name, refused, may)}
	}
	return NamespaceDecision{Deliver: delivery.Unasked(d, ns)}
}

// nameOf is the name of the namespace, which the request does not have where
// the API server made it up.
func nameOf(r *podview.NamespaceRequest) string { return cmp.Or(r.Object.Metadata.Name, r.Name) }

// refusal says what is wrong with an annotation that names refused, and what
// it may name.
func refusal(namespace string, refused []string, may []registry.ID) string {
	ids := make([]string, len(may))
	for i, id := range may {
		ids[i] = string(id)
	}
	right := "may name " + strings.Join(ids, ", ")
	if len(may) == 0 {
		right = "may name nothing, since no registry is configured for it"
	}
	return fmt.Sprintf("annotation %s names %q: namespace %q %s; it hastens a login and cannot grant one, which the configuration of tcr-webhook does",
		delivery.Annotation, strings.Join(refused, ","), namespace, right)
}

func (d NamespaceDecision) verdict(dryRun bool) verdict {
	switch {
	case d.Skip != "":
		return verdict{audit: auditSkipped, auditValue: string(d.Skip)}
	case d.Deliver && dryRun:
		return verdict{audit: auditDelivery, auditValue: "DryRun"}
	case d.Deliver:
		return verdict{audit: auditDelivery, auditValue: "Started"}
	}
	return verdict{denial: d.Denial}
}

func (d NamespaceDecision) result() string {
	switch {
	case d.Denial != "":
		return resultDenied
	case d.Skip != "":
		return resultSkipped
	case d.Deliver:
		return resultDelivering
	}
	return resultUnchanged
}
