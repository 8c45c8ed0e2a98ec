package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// rules are an allow-list to judge by, and where it is from.
type rules struct {
	*policy.Policy
	from string
}

// errNoPolicy says that nothing is restricted.
var errNoPolicy = errors.New("has no policy: nothing is restricted, and there is nothing to judge by; give --policy a file with one")

// compile makes the allow-list that judges: of the configuration file, or the
// one in force; or, with a candidate, that in its place.
func (c *command) compile(ctx context.Context, file, candidate string) (rules, error) {
	parsed, from, entries, err := c.gather(ctx, file, candidate)
	if err != nil {
		return rules{}, err
	}
	c.complete(ctx, entries)
	d, conflicts := registry.NewDirectory(entries)
	for _, one := range conflicts {
		c.say("%s %s and %s are both called %s; the first answers for it", c.symbols.warning, one.Kept, one.Taken, one.Host)
	}
	return rules{parsed.Compile(d, c.install.namespace), from}, nil
}

// gather reads the rules, and the registries that they are about.
func (c *command) gather(ctx context.Context, file, candidate string) (*policy.Rules, string, []registry.Entry, error) {
	var proposed *proposal
	if candidate != "" {
		s, err := c.read(ctx, candidate)
		if err != nil {
			return nil, "", nil, err
		}
		if proposed, err = propose(s); err != nil {
			return nil, "", nil, err
		}
	}
	base, name, err := c.base(ctx, file, proposed)
	if err != nil {
		return nil, "", nil, err
	}
	var entries []registry.Entry
	if base != nil {
		if entries, err = base.Entries(); err != nil {
			return nil, "", nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if proposed != nil {
		found, err := proposed.rules(entries)
		return found, proposed.name, entries, err
	}
	if found := base.PolicyRules(); found != nil {
		return found, name, entries, nil
	}
	return nil, "", nil, fmt.Errorf("%s %w", name, errNoPolicy)
}

// base is the configuration whose registries count. There may be none where
// the rules are given.
func (c *command) base(ctx context.Context, file string, proposed *proposal) (*config.Config, string, error) {
	if proposed != nil && proposed.whole != nil && file == "" {
		return proposed.whole, proposed.name, nil
	}
	s, err := c.read(ctx, file)
	if errors.Is(err, errNotInstalled) && proposed != nil {
		c.say("%s %v", c.symbols.warning, err)
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	parsed, err := s.decode()
	return parsed, s.name, err
}

// complete fills in the hosts that the configuration leaves out, as the server
// was told them by the API.
func (c *command) complete(ctx context.Context, entries []registry.Entry) {
	unknown := func(e registry.Entry) bool { return len(e.Hosts.All()) == 0 }
	if !slices.ContainsFunc(entries, unknown) {
		return
	}
	document, err := c.status(ctx)
	if err != nil {
		c.say("%s hosts of instances are not known: %v", c.symbols.warning, err)
		return
	}
	for i := range entries {
		if e := &entries[i]; unknown(*e) {
			e.Hosts = hostsIn(document, e.ID)
		}
	}
	for _, e := range entries {
		if unknown(e) {
			c.say("%s hosts of %s are not known: the configuration leaves them out, and the server has yet to tell them (ConfigMap %s/%s); give registries[].hosts",
				c.symbols.warning, e.ID, c.install.namespace, status.ConfigMapName)
		}
	}
}

// hostsIn are the hosts of an instance that a status names, the public one
// first.
func hostsIn(d *status.Document, id registry.ID) registry.Hosts {
	var h registry.Hosts
	if d == nil {
		return h
	}
	i := slices.IndexFunc(d.Instances, func(i status.Instance) bool { return i.ID == string(id) && len(i.Hosts) > 0 })
	if i < 0 {
		return h
	}
	h.Public = registry.Host(d.Instances[i].Hosts[0])
	label, _ := strings.CutSuffix(string(h.Public), registry.Suffix)
	for _, name := range d.Instances[i].Hosts[1:] {
		if name == label+"-vpc"+registry.Suffix {
			h.Private = registry.Host(name)
			continue
		}
		h.Custom = append(h.Custom, registry.Host(name))
	}
	return h
}
