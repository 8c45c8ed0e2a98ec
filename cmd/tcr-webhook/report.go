package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// addReport makes what tells how matters stand, and hangs it into the manager.
func (s *server) addReport(ctx context.Context, certs *certwatcher.CertWatcher) error {
	s.report = &reporter{
		client: s.mgr.GetClient(), live: s.mgr.GetAPIReader(), namespace: s.opts.namespace,
		tell: s.announcer.ourOwn, wake: make(chan struct{}, 1),
	}
	var err error
	if s.registrations, err = s.watchRegistrations(ctx, s.report.Changed); err != nil {
		return err
	}
	s.report.gather = (&facts{server: s, certs: certs, registrations: s.registrations}).gather
	if err := s.mgr.Add(s.report); err != nil {
		return fmt.Errorf("add status: %w", err)
	}
	if err := s.registerGauges(metrics.Registry); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}

// newAnnouncer makes what makes Events.
func (s *server) newAnnouncer(ctx context.Context) *announcer {
	return newAnnouncer(s.mgr.GetEventRecorder(credentials.FieldManager), func(namespace string) types.UID {
		meta := metadataOf("Namespace")
		if err := s.mgr.GetClient().Get(ctx, types.NamespacedName{Name: namespace}, meta); err != nil {
			return ""
		}
		return meta.UID
	})
}

// configured notes what came of a configuration.
func (s *server) configured(c *config.Config, err error) {
	s.metrics.configured(err)
	s.insight.configured(c, err)
	s.report.Changed()
}

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
