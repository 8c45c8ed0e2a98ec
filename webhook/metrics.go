package webhook

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// The results that admissions are counted by.
const (
	resultPatched    = "patched"
	resultUnchanged  = "unchanged"
	resultSkipped    = "skipped"    // the object as a whole, see Decision.Skip
	resultWarned     = "warned"     // a pod that slipped past us, or that a rule objects to
	resultDelivering = "delivering" // the namespace gets its Secret
	resultDenied     = "denied"     // by a rule that somebody wrote
	resultMalformed  = "malformed"  // not a review
	resultCold       = "cold"       // nothing to decide by yet
	resultOverloaded = "overloaded" // no memory to read by
	resultPanicked   = "panicked"   // a bug of ours
)

// The webhooks in metrics.
const (
	webhookPods       = "pods"
	webhookEveryPod   = "every-pod"
	webhookFinalPods  = "final-pods"
	webhookNamespaces = "namespaces"
	webhookPolicy     = "policy"
	webhookWorkloads  = "workloads"
)

// Metrics counts what the webhooks do. All labels are bounded: by the words
// above, by package registry's reasons, by the configured instances and by the
// rules of the allow-list.
type Metrics struct {
	admissions *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	rewritten  *prometheus.CounterVec
	skips      *prometheus.CounterVec
	violations *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package with r.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		admissions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tcr_webhook_admissions_total",
			Help: "Calls of the API server by webhook and result.",
		}, []string{"webhook", "result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tcr_webhook_admission_duration_seconds",
			Help: "Time from a call's arrival to its answer, including the grace for a namespace's first pod.",
			// The API server's own histogram begins at 5 ms; a decision takes
			// a tenth of one, and the grace half a second.
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .1, .25, .5, 1, 2.5},
		}, []string{"webhook"}),
		rewritten: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tcr_webhook_images_rewritten_total",
			Help: "Images whose host was changed, by registry.",
		}, []string{"registry"}),
		skips: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tcr_webhook_skips_total",
			Help: "Pods, images and namespaces that were left alone, by reason.",
		}, []string{"reason"}),
		violations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tcr_webhook_policy_violations_total",
			Help: "Images of pods that a rule of the allow-list objects to, by rule and by its action.",
		}, []string{"rule", "action"}),
	}
	return m, errors.Join(r.Register(m.admissions), r.Register(m.duration), r.Register(m.rewritten), r.Register(m.skips), r.Register(m.violations))
}

// call counts one call and how long it took.
func (m *Metrics) call(webhook, result string, took time.Duration) {
	m.admissions.WithLabelValues(webhook, result).Inc()
	m.duration.WithLabelValues(webhook).Observe(took.Seconds())
}

// decision counts what was done, and what was not.
func (m *Metrics) decision(d *Decision) {
	if d.Skip != "" {
		m.skip(d.Skip)
	}
	for _, i := range d.Images {
		switch {
		case i.Changes():
			m.rewritten.WithLabelValues(string(i.Instance)).Inc()
		case i.Reason != registry.AsWritten:
			m.skip(i.Reason)
		}
	}
	if d.Withheld != "" {
		m.skip(d.Withheld)
	}
}

// objections counts what the allow-list objects to for certain.
func (m *Metrics) objections(objections []Objection) {
	for _, o := range objections {
		if !o.Open() {
			m.violations.WithLabelValues(o.Rule, string(o.Action)).Inc()
		}
	}
}

func (m *Metrics) skip(r registry.Reason) { m.skips.WithLabelValues(string(r)).Inc() }
