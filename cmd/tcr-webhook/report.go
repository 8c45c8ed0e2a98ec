package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/credentials"
)

// addReport makes what tells how matters stand, and hangs it into the manager.
func (s *server) addReport(ctx context.Context) error {
	s.report = &reporter{
		client: s.mgr.GetClient(), live: s.mgr.GetAPIReader(), namespace: s.opts.namespace,
		tell: s.announcer.ourOwn, wake: make(chan struct{}, 1),
	}
	var err error
	if s.registrations, err = s.watchRegistrations(ctx, s.report.Changed); err != nil {
		return err
	}
	s.report.gather = (&facts{server: s, addon: addon{live: s.mgr.GetAPIReader()}}).gather
	if err := s.mgr.Add(s.report); err != nil {
		return fmt.Errorf("add status: %w", err)
	}
	if err := s.registerGauges(metrics.Registry, s.certificates.validities); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return s.addStatusPage()
}

// newAnnouncer makes what makes Events.
func (s *server) newAnnouncer(ctx context.Context) *announcer {
	return newAnnouncer(s.mgr.GetEventRecorder(credentials.FieldManager), func(namespace string) types.UID {
		meta := namespaceMetadata()
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
