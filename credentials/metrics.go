package credentials

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what is written. Use NewMetrics; a nil *Metrics counts
// nothing.
type Metrics struct {
	writes *prometheus.CounterVec
}

// NewMetrics registers the metrics of this package.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{writes: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tcr_webhook_pull_secret_writes_total",
		Help: "Writes of pull Secrets by operation (Create, Renew, Update, Repair, Replace, Remove) and result (ok, error).",
	}, []string{"op", "result"})}
	return m, r.Register(m.writes)
}

func (m *Metrics) wrote(a Action, err error) {
	if m == nil || !a.writes() {
		return
	}
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.writes.WithLabelValues(string(a), result).Inc()
}
