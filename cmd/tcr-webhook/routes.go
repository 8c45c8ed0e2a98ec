package main

import (
	"context"
	"fmt"

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
	s.report.Changed()
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
