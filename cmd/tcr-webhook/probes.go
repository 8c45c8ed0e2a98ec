package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// addProbes keeps liveness and readiness apart: what is not there yet takes
// the pod out of the Service and does not restart it.
func (s *server) addProbes(hooks *webhook.Server) error {
	var synced atomic.Bool
	await := manager.RunnableFunc(func(ctx context.Context) error {
		synced.Store(s.mgr.GetCache().WaitForCacheSync(ctx))
		return nil
	})
	if err := s.mgr.Add(everyReplica{await}); err != nil {
		return fmt.Errorf("add cache probe: %w", err)
	}
	ready := func(*http.Request) error {
		switch {
		case !synced.Load():
			return errors.New("caches are not filled yet")
		case !s.shared.Loaded():
			return errors.New("the tokens of the other replicas are not known yet")
		case s.state.Load() == nil:
			return errors.New("the hosts of the registries are not known yet")
		}
		return hooks.Ready()
	}
	return errors.Join(
		s.mgr.AddHealthzCheck("ping", healthz.Ping),
		s.mgr.AddReadyzCheck("ready", ready),
	)
}

// everyReplica runs a function whether or not this replica leads.
type everyReplica struct{ manager.RunnableFunc }

// NeedLeaderElection is false.
func (everyReplica) NeedLeaderElection() bool { return false }
