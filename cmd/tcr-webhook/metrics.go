package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// serverMetrics are the metrics of all parts.
type serverMetrics struct {
	webhook     *webhook.Metrics
	credentials *credentials.Metrics
	apiCalls    *prometheus.CounterVec
	tokenExpiry *prometheus.GaugeVec
	reloads     *prometheus.CounterVec
}

func newServerMetrics(r prometheus.Registerer) (*serverMetrics, error) {
	m := &serverMetrics{
		apiCalls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tcr_webhook_api_requests_total",
			Help: "Calls of the TCR API by action and code; OK for success.",
		}, []string{"action", "code"}),
		tokenExpiry: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tcr_webhook_token_expiry_timestamp_seconds",
			Help: "When the newest token of an instance expires.",
		}, []string{"instance"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tcr_webhook_config_reloads_total",
			Help: "Changes of the configuration file by result (ok, error).",
		}, []string{"result"}),
	}
	for _, c := range []prometheus.Collector{m.apiCalls, m.tokenExpiry, m.reloads} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	var err error
	if m.webhook, err = webhook.NewMetrics(r); err != nil {
		return nil, err
	}
	m.credentials, err = credentials.NewMetrics(r)
	return m, err
}

func (m *serverMetrics) apiCall(action, code string) { m.apiCalls.WithLabelValues(action, code).Inc() }

func (m *serverMetrics) reloaded(err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.reloads.WithLabelValues(result).Inc()
}
