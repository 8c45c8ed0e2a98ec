package main

import (
	"context"
	"sync/atomic"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/tcr"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// cloud is the client of the TCR API that the configuration in force asks for.
type cloud struct {
	client   atomic.Pointer[tcr.Client]
	identity tcr.Files
	observe  func(action, code string)
}

// use replaces the client.
func (c *cloud) use(t config.TencentCloud) error {
	client, err := tcr.New(tcr.Options{
		Region:     t.Region,
		Endpoint:   t.Endpoint,
		RootDomain: t.RootDomain,
		Identity:   c.identity,
		Observe:    c.observe,
	})
	if err != nil {
		return err
	}
	c.client.Store(client)
	return nil
}

// Issue implements token.Issuer.
func (c *cloud) Issue(ctx context.Context, key registry.Key) (token.Token, error) {
	return c.client.Load().Issue(ctx, key)
}

// Hosts implements credentials.Describer.
func (c *cloud) Hosts(ctx context.Context, id registry.ID) (registry.Hosts, error) {
	return c.client.Load().Hosts(ctx, id)
}
