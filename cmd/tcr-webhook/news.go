package main

import (
	"context"
	"slices"
	"time"

	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// keysOf are the logins of each instance, for tellOfTokens.
func keysOf(d *registry.Directory) map[registry.ID][]registry.Key {
	keys := map[registry.ID][]registry.Key{}
	for _, e := range d.Entries() {
		if !slices.Contains(keys[e.ID], e.Key()) {
			keys[e.ID] = append(keys[e.ID], e.Key())
		}
	}
	return keys
}

// tellOfTokens tells a namespace, where a pod was just admitted that needs
// them, of tokens that are not as they should be. An admission waits for it:
// where all is well, it looks into memory and no further.
func (s *server) tellOfTokens(ctx context.Context, namespace string, instances []registry.ID) {
	keys := s.keys.Load()
	if keys == nil {
		return
	}
	now := time.Now()
	for _, id := range instances {
		for _, key := range (*keys)[id] {
			if n, is := credentials.TokenNews(id, s.newestToken(key), s.fixed.Err(key), now); is && s.serves(ctx, namespace, key) {
				s.announcer.About(namespace, n)
			}
		}
	}
}

// serves tells whether a namespace gets the login of key.
func (s *server) serves(ctx context.Context, namespace string, key registry.Key) bool {
	labels, found := namespaceLabels(ctx, s.mgr.GetClient())(namespace)
	entries := delivery.Entries(s.instances.Directory(), registry.Namespace{Name: namespace, Labels: labels})
	return found && slices.ContainsFunc(entries, func(e registry.Entry) bool { return e.Key() == key })
}
