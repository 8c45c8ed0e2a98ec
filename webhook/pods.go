package webhook

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// PodsPath is where Pods is served.
const PodsPath = "/mutate/pods"

// PodsOptions are what the webhook for pods decides and acts by. All are
// needed.
type PodsOptions struct {
	// Snapshot gives the state to decide by; nil before there is one.
	Snapshot func() *State
	// Namespaces gives the labels of namespaces.
	Namespaces Namespaces
	// PullSecrets has pull Secrets written.
	PullSecrets PullSecrets
	// Metrics counts.
	Metrics *Metrics
}

// Pods answers the API server's calls about pods.
type Pods struct {
	options PodsOptions
	budget  budget
	queue   queue
	calls   sync.Pool // of *call
}

// NewPods checks options.
func NewPods(options PodsOptions) (*Pods, error) {
	if options.Snapshot == nil || options.Namespaces == nil || options.PullSecrets == nil || options.Metrics == nil {
		return nil, errors.New("pods webhook: an option is missing")
	}
	p := &Pods{options: options, budget: newBudget(), queue: newQueue()}
	p.calls.New = func() any { return new(call) }
	return p, nil
}

// call is the memory of one call, used for many.
type call struct {
	body     []byte
	review   podview.Review
	decision Decision
	response []byte
}

// ServeHTTP answers one call. A panic goes on to the Server.
func (p *Pods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	result := resultPanicked
	defer func() { p.options.Metrics.call(webhookPods, result, time.Since(start)) }()

	c, _ := p.calls.Get().(*call)
	a := p.answer(c, r, start)
	a.write(w)
	result = a.result
	if cap(c.body) <= largeBody { // or a large pod's memory would stay for ever
		p.calls.Put(c)
	}
}

// answer reads the review and decides it.
func (p *Pods) answer(c *call, r *http.Request, start time.Time) answer {
	if a, ok := checkHead(r); !ok {
		return a
	}
	timeout := timeoutOf(r)
	give, err := p.budget.take(r.Context(), r.ContentLength, start.Add(min(timeout/2, maxRoomWait)))
	if err != nil {
		return overloaded()
	}
	defer give()
	if c.body, err = readBody(c.body, r); err != nil {
		return refused(http.StatusRequestTimeout, "review did not arrive")
	}
	if err := c.review.Decode(c.body); err != nil {
		return refused(http.StatusBadRequest, err.Error())
	}
	if problem := checkReview(&c.review); problem != "" {
		return refused(http.StatusBadRequest, problem)
	}
	return p.review(r.Context(), c, start, timeout)
}

// checkReview says what makes r no question that can be answered.
func checkReview(r *podview.Review) string {
	switch {
	case r.Kind != "AdmissionReview" || r.APIVersion != "admission.k8s.io/v1":
		return "want an AdmissionReview of admission.k8s.io/v1"
	case r.Request.UID == "":
		return "review without a request uid"
	}
	return ""
}

// review decides the review of c and has the pull Secret written.
func (p *Pods) review(ctx context.Context, c *call, start time.Time, timeout time.Duration) answer {
	request := &c.review.Request
	if !p.decide(ctx, c, start.Add(timeout/2)) {
		return cold()
	}
	d := &c.decision
	pending := false
	if len(d.Instances) > 0 {
		pending = !p.ensure(ctx, request, d, start.Add(timeout-margin(timeout)))
	}
	p.options.Metrics.decision(d)
	if log := logf.FromContext(ctx).V(1); log.Enabled() {
		log.Info("Decided a pod", "namespace", request.Namespace, "pod", cmp.Or(request.Name, request.Object.Metadata.GenerateName),
			"operation", request.Operation, "skip", d.Skip, "instances", d.Instances, "patched", !d.Patch.Empty(), "warnings", len(d.Warnings))
	}
	c.response = appendReview(c.response[:0], request.UID, d, pending)
	return allowed(resultOf(d), c.response)
}

// decide decides the request of c. It is false where there is nothing to
// decide by, and none came up until the deadline: no configuration, or the
// labels of a namespace where they matter.
func (p *Pods) decide(ctx context.Context, c *call, deadline time.Time) bool {
	request := &c.review.Request
	state := p.options.Snapshot()
	if state == nil && !p.queue.wait(ctx, deadline, func() bool { state = p.options.Snapshot(); return state != nil }) {
		return false
	}
	labels, found := p.options.Namespaces(request.Namespace)
	c.decision.decide(request, state, labels)
	if found || !c.decision.undecidable() {
		return true
	}
	if !p.queue.wait(ctx, deadline, func() bool { labels, found = p.options.Namespaces(request.Namespace); return found }) {
		return false
	}
	c.decision.decide(request, state, labels)
	return true
}

// ensure has the pull Secret written and tells whether it is there.
func (p *Pods) ensure(ctx context.Context, r *podview.Request, d *Decision, deadline time.Time) bool {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	delivery := p.options.PullSecrets.Ensure(ctx, r.Namespace, d.Instances, r.DryRun)
	if delivery.Warning != "" {
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
