package config

import (
	"fmt"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// Entries are the configured registries in their order, as the directory
// takes them. Hosts that the file leaves out are empty.
func (c *Config) Entries() ([]registry.Entry, error) {
	entries := make([]registry.Entry, 0, len(c.Registries))
	for i := range c.Registries {
		e, err := c.Registries[i].entry()
		if err != nil {
			return nil, fmt.Errorf("registries[%d]: %w", i, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func (r *Registry) entry() (registry.Entry, error) {
	id, err := registry.ParseID(r.Instance)
	if err != nil {
		return registry.Entry{}, err
	}
	selected, err := r.namespaces()
	if err != nil {
		return registry.Entry{}, err
	}
	e := registry.Entry{
		ID: id, Namespaces: selected, Route: registry.RoutePublicName,
		EveryNamespace: r.Delivery == DeliverEveryNamespace,
	}
	if r.Route == RoutePrivate {
		e.Route = registry.RoutePrivateName
	}
	if r.Hosts != nil {
		e.Hosts = r.Hosts.registry()
	}
	return e, nil
}

func (h *Hosts) registry() registry.Hosts {
	hosts := registry.Hosts{Public: registry.Host(h.Public), Private: registry.Host(h.Private)}
	for _, c := range h.Custom {
		hosts.Custom = append(hosts.Custom, registry.Host(c))
	}
	return hosts
}

// SkipOwners are the controllers whose pods keep their images.
func (c *Config) SkipOwners() []podview.GroupKind {
	owners := make([]podview.GroupKind, 0, len(c.Rewrite.SkipOwners))
	for _, o := range c.Rewrite.SkipOwners {
		group, kind, _ := strings.Cut(o, "/")
		owners = append(owners, podview.GroupKind{Group: group, Kind: kind})
	}
	return owners
}
