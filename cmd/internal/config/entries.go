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
		e, err := c.entry(&c.Registries[i])
		if err != nil {
			return nil, fmt.Errorf("registries[%d]: %w", i, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func (c *Config) entry(r *Registry) (registry.Entry, error) {
	selected, err := r.namespaces()
	if err != nil {
		return registry.Entry{}, err
	}
	e := registry.Entry{
		Namespaces: selected, Route: registry.RoutePublicName, EveryNamespace: r.Delivery == DeliverEveryNamespace,
	}
	if r.Hosts != nil {
		e.Hosts = r.Hosts.registry()
	}
	if r.fixed() {
		e.ID, e.Account = registry.ID(r.Name), registry.SecretAccount(r.CredentialSecret)
		return e, nil
	}
	if e.ID, err = registry.ParseID(r.Instance); err != nil {
		return registry.Entry{}, err
	}
	e.Account = c.caller(r).Account()
	switch {
	case r.Route == RoutePrivate:
		e.Route = registry.RoutePrivateName
	case r.Route == RouteAuto && c.TencentCloud.VPC != "":
		e.Route = registry.RouteAuto
	}
	return e, nil
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
