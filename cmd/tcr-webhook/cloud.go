package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/tcr"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// cloud is Tencent Cloud for the configuration in force: a client of the TCR
// API for each identity in it. Use it once before anything else.
type cloud struct {
	credentialsDir string
	metadataServer string // for tests; empty for the one there is
	env            func(string) string
	observe        func(action, code string) // set before the first call

	state atomic.Pointer[callers]
}

// callers are the identities of one configuration. They are never changed.
type callers struct {
	at        config.TencentCloud // but for who calls, which callers differ in
	byAccount map[registry.Account]*caller
	describes map[registry.ID]*caller // the one of an instance's first entry
}

// caller is one identity and its client.
type caller struct {
	principal *tcr.Principal
	client    *tcr.Client
}

// use takes over another configuration. An identity that was in the one before
// keeps its session; what kept it from working is asked about anew.
func (c *cloud) use(cfg *config.Config) error {
	entries, err := cfg.Entries()
	if err != nil {
		return err
	}
	before := c.state.Load()
	next := &callers{at: cfg.TencentCloud, byAccount: map[registry.Account]*caller{}, describes: map[registry.ID]*caller{}}
	next.at.Identity, next.at.AssumeRole = "", ""
	for account, who := range cfg.Callers() {
		if before != nil && before.at == next.at && before.byAccount[account] != nil {
			next.byAccount[account] = before.byAccount[account]
			continue
		}
		if next.byAccount[account], err = c.caller(next.at, who); err != nil {
			return err
		}
	}
	for i := range entries {
		e := &entries[i]
		if who := next.byAccount[e.Account]; who != nil && next.describes[e.ID] == nil {
			next.describes[e.ID] = who
		}
	}
	c.state.Store(next)
	for _, who := range next.byAccount {
		who.principal.Retry()
	}
	return nil
}

// caller makes an identity and its client, without a call.
func (c *cloud) caller(at config.TencentCloud, who config.Caller) (*caller, error) {
	observe := func(action, code string) { c.observe(action, code) }
	principal, err := tcr.NewPrincipal(tcr.PrincipalOptions{
		Kind:           tcr.Kind(who.Identity),
		Folder:         filepath.Join(c.credentialsDir, who.Folder),
		AssumeRole:     who.AssumeRole,
		Region:         at.Region,
		STSEndpoint:    at.STSEndpoint,
		RootDomain:     at.RootDomain,
		Env:            c.env,
		MetadataServer: c.metadataServer,
		Observe:        observe,
	})
	if err != nil {
		return nil, err
	}
	client, err := tcr.New(tcr.Options{
		Region:     at.Region,
		Endpoint:   at.Endpoint,
		RootDomain: at.RootDomain,
		Identity:   principal,
		Observe:    observe,
	})
	if err != nil {
		return nil, err
	}
	return &caller{principal, client}, nil
}

// check reports in one line what only a person can mend about the identities
// in use, such as a missing file. It makes no call.
func (c *cloud) check() error {
	in := c.state.Load()
	for _, account := range slices.Sorted(maps.Keys(in.byAccount)) {
		if err := in.byAccount[account].principal.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Issue implements token.Issuer.
func (c *cloud) Issue(ctx context.Context, key registry.Key) (token.Token, error) {
	who := c.state.Load().byAccount[key.Account]
	if who == nil {
		return token.Token{}, fmt.Errorf("no identity of the configuration asks for tokens of %s", key)
	}
	return who.client.Issue(ctx, key)
}

// Hosts implements credentials.Describer.
func (c *cloud) Hosts(ctx context.Context, id registry.ID) (registry.Hosts, error) {
	client, err := c.client(id)
	if err != nil {
		return registry.Hosts{}, err
	}
	return client.Hosts(ctx, id)
}

// Identity says in words who asks for the tokens of key, for status; empty for
// a key that none are asked for.
func (c *cloud) Identity(key registry.Key) string {
	if who := c.state.Load().byAccount[key.Account]; who != nil {
		return who.principal.String()
	}
	return ""
}

// rights are what key's identity was allowed and refused, for status.
func (c *cloud) rights(key registry.Key) map[string]bool {
	if who := c.state.Load().byAccount[key.Account]; who != nil {
		return who.client.Rights(key.ID)
	}
	return nil
}

// clockAhead is how far our clock is ahead of the API's, by the identity that
// it is furthest ahead, or behind, for.
func (c *cloud) clockAhead() (ahead time.Duration, known bool) {
	for _, who := range c.state.Load().byAccount {
		if skew, seen := who.client.ClockAhead(); seen && skew.Abs() >= ahead.Abs() {
			ahead, known = skew, true
		}
	}
	return ahead, known
}
