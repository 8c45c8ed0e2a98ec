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
	reloads     *prometheus.CounterVec
	reloaded    prometheus.Gauge
	generation  prometheus.Gauge
	pullSecrets *prometheus.GaugeVec

	registrationGaps *prometheus.GaugeVec
}

func newServerMetrics(r prometheus.Registerer) (*serverMetrics, error) {
	m := &serverMetrics{
		apiCalls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tcr_webhook_api_requests_total",
			Help: "Calls of the TCR API and STS, and looks at the metadata server, by action and code; OK for success.",
		}, []string{"action", "code"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tcr_webhook_config_reloads_total",
			Help: "Configurations that were read, the first one included, by result (ok, error).",
		}, []string{"result"}),
		reloaded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tcr_webhook_config_last_reload_successful",
			Help: "1 while the configuration file is in force, 0 while an older one is.",
		}),
		generation: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tcr_webhook_config_generation",
			Help: "How many configurations this replica has put in force.",
		}),
		pullSecrets: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tcr_webhook_pull_secrets",
			Help: "Pull Secrets by state (current, expiring, expired, missing, outdated, drifted, foreign, leftover), on the leader.",
		}, []string{"state"}),
		registrationGaps: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tcr_webhook_registration_gaps",
			Help: "What is wrong with the registrations, by kind (Missing, EntryMissing, CABundleMissing, FailurePolicyBlocks, FailurePolicyAdmits, Leftover, HostNotNamed, NotUnderstood).",
		}, []string{"kind"}),
	}
	for _, c := range []prometheus.Collector{m.apiCalls, m.reloads, m.reloaded, m.generation, m.pullSecrets, m.registrationGaps} {
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

// configured counts a configuration that was put in force, or refused.
func (m *serverMetrics) configured(err error) {
	if err != nil {
		m.reloads.WithLabelValues("error").Inc()
		m.reloaded.Set(0)
		return
	}
	m.reloads.WithLabelValues("ok").Inc()
	m.reloaded.Set(1)
	m.generation.Inc()
}
