package webhook

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-logr/logr"

	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// Where the webhooks for pods are served.
const (
	// PodsPath changes pods with images of a registry.
	PodsPath = "/mutate/pods"
	// EveryPodPath does the same and gives the pull secret to all others too,
	// for what they may pull later.
	EveryPodPath = "/mutate/every-pod"
	// FinalPodsPath looks at pods when all webhooks have changed them.
	FinalPodsPath = "/validate/pods"
)

// PodsOptions are what the webhooks for pods decide and act by. All are needed
// but ServiceAccounts.
type PodsOptions struct {
	// Snapshot gives the state to decide by; nil before there is one.
	Snapshot func() *State
	// Namespaces gives the labels of namespaces.
	Namespaces Namespaces
	// ServiceAccounts gives the annotations of ServiceAccounts. Without it
	// none of them is taken to restrict its pods.
	ServiceAccounts ServiceAccounts
	// PullSecrets has pull Secrets written.
	PullSecrets PullSecrets
	// Metrics counts.
	Metrics *Metrics
}

// Pods answers the API server's calls about pods. It serves PodsPath itself,
// and the other paths by what EveryPod and Final return.
type Pods struct {
	options PodsOptions
	queue   queue

	changed, every, final, policy, workloads endpoint
}

// NewPods checks options.
func NewPods(options PodsOptions) (*Pods, error) {
	if options.Snapshot == nil || options.Namespaces == nil || options.PullSecrets == nil || options.Metrics == nil {
		return nil, errors.New("pods webhook: an option is missing")
	}
	p := &Pods{options: options, queue: newQueue()}
	room := newBudget(smallRoom, largeRoom)
	changed := func(ctx context.Context, c *call) answer { return p.change(ctx, c, false) }
	every := func(ctx context.Context, c *call) answer { return p.change(ctx, c, true) }
	p.changed = endpoint{webhook: webhookPods, metrics: options.Metrics, budget: room, decode: decodePod, answer: changed}
	p.every = endpoint{webhook: webhookEveryPod, metrics: options.Metrics, budget: room, decode: decodePod, answer: every}
	p.final = endpoint{webhook: webhookFinalPods, metrics: options.Metrics, budget: room, decode: decodePod, answer: p.judge}
	p.policy = endpoint{webhook: webhookPolicy, metrics: options.Metrics, budget: room, decode: decodePod, answer: p.judgeImages}
	p.workloads = endpoint{webhook: webhookWorkloads, metrics: options.Metrics, budget: room, decode: decodeWorkload, answer: p.judgeTemplate}
	return p, nil
}

// ServeHTTP answers one call. A panic goes on to the Server.
func (p *Pods) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.changed.ServeHTTP(w, r) }

// EveryPod is what EveryPodPath serves.
func (p *Pods) EveryPod() http.Handler { return &p.every }

// Final is what FinalPodsPath serves. It shares the memory that Pods reads by.
func (p *Pods) Final() http.Handler { return &p.final }

// change decides the pod of c and has its pull Secret written. With every, a
// pod that needs none gets one as well.
func (p *Pods) change(ctx context.Context, c *call, every bool) answer {
	request := &c.pod.Request
	if p.decide(ctx, c, every) == nil {
		return cold()
	}
	d := &c.decision
	pending := len(d.Instances) > 0 && !p.ensure(ctx, c)
	p.options.Metrics.decision(d)
	if log := logr.FromContextOrDiscard(ctx).V(1); log.Enabled() {
		log.Info("Decided a pod", "namespace", request.Namespace, "pod", cmp.Or(request.Name, request.Object.Metadata.GenerateName),
			"operation", request.Operation, "skip", d.Skip, "instances", d.Instances, "patched", !d.Patch.Empty(), "warnings", len(d.Warnings))
	}
	c.response = appendReview(c.response[:0], request.UID, d, pending)
	return reviewed(resultOf(d), c.response)
}

// decide decides the request of c and returns the state that it did by. It is
// nil where there is nothing to decide by, and none came up until half of the
// call's time was over: no configuration, or the labels of a namespace where
// they matter.
func (p *Pods) decide(ctx context.Context, c *call, every bool) *State {
	request, deadline := &c.pod.Request, c.start.Add(c.timeout/2)
	state := p.queue.state(ctx, deadline, p.options.Snapshot)
	if state == nil {
		return nil
	}
	labels, found := p.options.Namespaces(request.Namespace)
	around := Surroundings{NamespaceLabels: labels, ServiceAccountAnnotations: p.serviceAccount(request), EveryPod: every}
	c.decision.decide(request, state, around)
	if found || !c.decision.undecidable() && !every {
		return state
	}
	if around.NamespaceLabels, found = p.queue.labels(ctx, deadline, p.options.Namespaces, request.Namespace); !found {
		return nil
	}
	c.decision.decide(request, state, around)
	return state
}

// serviceAccount gives the annotations of a new pod's ServiceAccount. It is
// never waited for: see Surroundings.
func (p *Pods) serviceAccount(r *podview.Request) map[string]string {
	if p.options.ServiceAccounts == nil || r.Operation != podview.Create {
		return nil
	}
	annotations, _ := p.options.ServiceAccounts(r.Namespace, r.Object.ServiceAccount())
	return annotations
}

// ensure has the pull Secret written and tells whether it is there.
func (p *Pods) ensure(ctx context.Context, c *call) bool {
	r, d := &c.pod.Request, &c.decision
	delivery := p.options.PullSecrets.Ensure(ctx, Need{
		Namespace: r.Namespace, Instances: d.Instances, DryRun: r.DryRun, Until: c.start.Add(c.timeout - margin(c.timeout)),
	})
	if delivery.Warning != "" && !d.Spare {
		d.Warnings = append(d.Warnings, warning(delivery.Warning))
	}
	return delivery.Ready
}

// margin is what is left of a timeout for the way back. The API server sends
// the timeout rounded up to a second, so it may be short of one already.
func margin(timeout time.Duration) time.Duration { return max(timeout/5, 100*time.Millisecond) }

func resultOf(d *Decision) string {
	switch {
	case d.Skip != "":
		return resultSkipped
	case d.Patch.Empty():
		return resultUnchanged
	}
	return resultPatched
}
