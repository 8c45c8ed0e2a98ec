package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
	"github.com/tcr-webhook/tcr-webhook/credentials/tcr"
)

// newRoutes makes what observes how instances are reached: turn tells whether
// this replica asks, which is what it is for tokens.
func (s *server) newRoutes(turn func(known bool) bool, leading func() bool) *credentials.Routes {
	return credentials.NewRoutes(credentials.RoutesOptions{
		API: s.cloud, Turn: turn, Leading: leading, Changed: s.routesChanged,
	})
}

// routesChanged hands a change of routes to everything that reads them.
func (s *server) routesChanged() {
	s.instances.Resettle()
	s.shared.Changed()
	signal(s.hosts.wake)
	s.report.Changed()
}

// describeRoute puts into status how e is reached, and why no better.
func (s *server) describeRoute(i *status.Instance, e *registry.Entry) {
	i.Route = string(routeOf(e))
	state, settings := s.routes.State(e.ID)
	switch observed := s.routes.Observes(e.ID); {
	case e.Route == registry.RoutePrivateName && e.Hosts.Private == "" && e.Reach.Reason != "":
		i.RouteReason, i.RouteMessage = string(e.Reach.Reason), e.Reach.Advice
	case !observed || string(e.Route) != string(state.Route) && state.Route != "":
		i.RouteMessage = "as the configuration says"
	default:
		i.RouteReason, i.RouteMessage = string(state.Why()), state.Explain(e.ID, settings)
	}
	switch {
	case i.RouteReason == string(registry.RouteNotKnown) && state.Problem.Text == "":
		i.Route, i.RouteReason = "", status.NotObserved
	case state.Problem.Text != "" && !strings.Contains(i.RouteMessage, state.Problem.Text):
		i.RouteMessage += "; what was seen last stands: " + state.Problem.Text
	}
}

// routeOf is how the images of e are reached: a private name that is not known,
// or another's, is none.
func routeOf(e *registry.Entry) registry.Route {
	if e.Route == registry.RoutePrivateName && e.Hosts.Public != "" && e.Hosts.Private == "" {
		return registry.RouteNone
	}
	return e.Route
}

// routeGauges are the routes to the instances.
type routeGauges struct {
	directory func() *registry.Directory
	state     *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (g *routeGauges) Describe(c chan<- *prometheus.Desc) { c <- g.state }

// Collect implements prometheus.Collector. Of several entries for an instance
// the first counts.
func (g *routeGauges) Collect(c chan<- prometheus.Metric) {
	d := g.directory()
	if d == nil {
		return
	}
	var done []registry.ID
	for _, e := range d.Entries() {
		if _, fixed := e.Account.Secret(); fixed || slices.Contains(done, e.ID) {
			continue
		}
		done = append(done, e.ID)
		for _, r := range []registry.Route{registry.RoutePublicName, registry.RoutePrivateName, registry.RouteHosts, registry.RouteNone} {
			is := 0.0
			if r == routeOf(&e) {
				is = 1
			}
			c <- prometheus.MustNewConstMetric(g.state, prometheus.GaugeValue, is, string(e.ID), string(r))
		}
	}
}

// client is the one that calls about id as a whole are made with.
func (c *cloud) client(id registry.ID) (*tcr.Client, error) {
	who := c.state.Load().describes[id]
	if who == nil {
		return nil, fmt.Errorf("no identity of the configuration is for %s", id)
	}
	return who.client, nil
}

// Observe implements credentials.RouteAPI.
func (c *cloud) Observe(ctx context.Context, id registry.ID, vpc string) (route.Observation, error) {
	client, err := c.client(id)
	if err != nil {
		return route.Observation{}, err
	}
	return client.Observe(ctx, id, vpc)
}

// CreateLink implements credentials.RouteAPI.
func (c *cloud) CreateLink(ctx context.Context, id registry.ID, vpc, subnet string) error {
	client, err := c.client(id)
	if err != nil {
		return err
	}
	return client.CreateLink(ctx, id, vpc, subnet)
}

// CreateDNS implements credentials.RouteAPI.
func (c *cloud) CreateDNS(ctx context.Context, id registry.ID, vpc, ip string) error {
	client, err := c.client(id)
	if err != nil {
		return err
	}
	return client.CreateDNS(ctx, id, vpc, ip)
}
