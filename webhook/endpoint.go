package webhook

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// endpoint is what all webhooks have in common: it reads the review of a call,
// within bounds of memory and time, has it answered, and counts.
type endpoint struct {
	webhook string // in metrics
	metrics *Metrics
	budget  budget
	// decode reads the body of a call. Its error is for the caller and quotes
	// nothing of the body.
	decode func(*call) error
	answer func(context.Context, *call) answer
	calls  sync.Pool // of *call
}

// call is one call, in memory that is used for many.
type call struct {
	start     time.Time
	timeout   time.Duration // of the API server
	body      []byte
	pod       podview.Review
	namespace podview.NamespaceReview
	workload  podview.WorkloadReview
	decision  Decision
	judgement judgement
	response  []byte
}

// ServeHTTP answers one call. A panic goes on to the Server.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	result := resultPanicked
	defer func() { e.metrics.call(e.webhook, result, time.Since(start)) }()

	c, ok := e.calls.Get().(*call)
	if !ok {
		c = new(call)
	}
	c.start, c.timeout = start, timeoutOf(r)
	a := e.review(c, r)
	a.write(w)
	result = a.result
	if cap(c.body) <= largeBody { // or a large pod's memory would stay for ever
		e.calls.Put(c)
	}
}

// review reads the review and has it answered.
func (e *endpoint) review(c *call, r *http.Request) answer {
	if a, ok := checkHead(r); !ok {
		return a
	}
	share := e.budget.share(r.ContentLength)
	defer share.give()
	var err error
	c.body, err = share.read(r.Context(), c.body, r.Body, int(r.ContentLength), c.start.Add(min(c.timeout/2, maxRoomWait)))
	switch {
	case errors.Is(err, errNoRoom):
		return overloaded()
	case err != nil:
		return refused(http.StatusRequestTimeout, "review did not arrive")
	}
	if err := e.decode(c); err != nil {
		return refused(http.StatusBadRequest, err.Error())
	}
	return e.answer(r.Context(), c)
}

func decodePod(c *call) error {
	if err := c.pod.Decode(c.body); err != nil {
		return err
	}
	return checkReview(c.pod.APIVersion, c.pod.Kind, c.pod.Request.UID)
}

func decodeNamespace(c *call) error {
	if err := c.namespace.Decode(c.body); err != nil {
		return err
	}
	return checkReview(c.namespace.APIVersion, c.namespace.Kind, c.namespace.Request.UID)
}

func decodeWorkload(c *call) error {
	if err := c.workload.Decode(c.body); err != nil {
		return err
	}
	return checkReview(c.workload.APIVersion, c.workload.Kind, c.workload.Request.UID)
}

// checkReview says what makes a review no question that can be answered.
func checkReview(apiVersion, kind, uid string) error {
	switch {
	case kind != "AdmissionReview" || apiVersion != "admission.k8s.io/v1":
		return errors.New("want an AdmissionReview of admission.k8s.io/v1")
	case uid == "":
		return errors.New("review without a request uid")
	}
	return nil
}
