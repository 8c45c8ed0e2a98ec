package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// registerGauges registers what is read from the parts when it is asked for;
// certificates are those there are, by kind. What is of an instance has the
// label registry: instance is Prometheus's own, for the process it asked.
func (s *server) registerGauges(r prometheus.Registerer, certificates func() map[string]*status.Validity) error {
	gauges := []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "tcr_webhook_build_info",
			Help:        "1, with the version of the program.",
			ConstLabels: prometheus.Labels{"version": version()},
		}, func() float64 { return 1 }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tcr_webhook_ready",
			Help: "1 while the replica says at /readyz that it is to get calls, 0 while it is not.",
		}, s.readiness),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tcr_webhook_leader",
			Help: "1 on the replica that leads, 0 on the others.",
		}, s.leading),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tcr_webhook_clock_skew_seconds",
			Help: "How far our clock is ahead of the TCR API's, as of its last answer to this replica; 0 before the first.",
		}, func() float64 {
			ahead, _ := s.cloud.clockAhead()
			return ahead.Round(time.Second).Seconds()
		}),
		&tokenGauges{
			directory: s.instances.Directory, newest: s.newestToken,
			expiry: prometheus.NewDesc("tcr_webhook_token_expiry_timestamp_seconds",
				"When the token of an instance expires, or has; of several identities' the first. 0 if there never was one.", []string{"registry"}, nil),
			lifetime: prometheus.NewDesc("tcr_webhook_token_lifetime_seconds",
				"How long that token lasts in all.", []string{"registry"}, nil),
		},
		&certificateGauges{
			certificates: certificates,
			expiry: prometheus.NewDesc("tcr_webhook_certificate_expiry_timestamp_seconds",
				"When a certificate of the webhook expires, or has, by kind: the one that is served (serving), and the CA of our own that signs (ca).", []string{"kind"}, nil),
			lifetime: prometheus.NewDesc("tcr_webhook_certificate_lifetime_seconds",
				"How long that certificate holds in all.", []string{"kind"}, nil),
		},
		&routeGauges{directory: s.instances.Directory, state: prometheus.NewDesc("tcr_webhook_route_state",
			"1 for how the images of an instance are reached (PublicName, PrivateName, Hosts, None), 0 for the rest.", []string{"registry", "state"}, nil)},
	}
	for _, g := range gauges {
		if err := r.Register(g); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) readiness() float64 {
	if s.ready(nil) != nil {
		return 0
	}
	return 1
}

func (s *server) leading() float64 {
	if !s.opts.leaderElect {
		return 1
	}
	select {
	case <-s.mgr.Elected():
		return 1
	default:
		return 0
	}
}

// tokenGauges are the times of tokens. An instance that is not configured any
// more has none.
type tokenGauges struct {
	directory        func() *registry.Directory
	newest           func(registry.Key) token.Token
	expiry, lifetime *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (g *tokenGauges) Describe(c chan<- *prometheus.Desc) {
	c <- g.expiry
	c <- g.lifetime
}

// Collect implements prometheus.Collector.
func (g *tokenGauges) Collect(c chan<- prometheus.Metric) {
	d := g.directory()
	if d == nil {
		return
	}
	soonest := map[registry.ID]token.Token{}
	for _, e := range d.Entries() {
		if _, fixed := e.Account.Secret(); fixed {
			continue // it does not expire
		}
		tok := g.newest(e.Key())
		if old, has := soonest[e.ID]; !has || tok.ExpiresAt.Before(old.ExpiresAt) {
			soonest[e.ID] = tok
		}
	}
	for id, tok := range soonest {
		if tok.ExpiresAt.IsZero() {
			c <- prometheus.MustNewConstMetric(g.expiry, prometheus.GaugeValue, 0, string(id))
			continue
		}
		c <- prometheus.MustNewConstMetric(g.expiry, prometheus.GaugeValue, float64(tok.ExpiresAt.Unix()), string(id))
		c <- prometheus.MustNewConstMetric(g.lifetime, prometheus.GaugeValue, tok.Lifetime().Seconds(), string(id))
	}
}

// certificateGauges are the times of certificates.
type certificateGauges struct {
	certificates     func() map[string]*status.Validity
	expiry, lifetime *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (g *certificateGauges) Describe(c chan<- *prometheus.Desc) {
	c <- g.expiry
	c <- g.lifetime
}

// Collect implements prometheus.Collector.
func (g *certificateGauges) Collect(c chan<- prometheus.Metric) {
	for kind, v := range g.certificates() {
		c <- prometheus.MustNewConstMetric(g.expiry, prometheus.GaugeValue, float64(v.NotAfter.Unix()), kind)
		c <- prometheus.MustNewConstMetric(g.lifetime, prometheus.GaugeValue, v.NotAfter.Sub(v.NotBefore).Seconds(), kind)
	}
}
