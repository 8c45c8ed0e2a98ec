package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
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
	var waiting, looking patience
	s.ready = func(*http.Request) error {
		switch {
		case !synced.Load() || !isClosed(s.accounts.synced):
			return errors.New("caches are not filled yet")
		case !isClosed(s.shared.Loaded()):
			return errors.New("the tokens of the other replicas are not known yet")
		case s.state.Load() == nil:
			return errors.New("the hosts of the registries are not known yet")
		case !s.loginsExplained() && !waiting.over(time.Now()):
			return errors.New("the first tokens are being asked for")
		case !s.routes.Settled() && !looking.over(time.Now()):
			return errors.New("the routes to the registries are being looked at")
		}
		return errors.Join(hooks.Ready(), s.certificates.Ready())
	}
	return errors.Join(
		s.mgr.AddHealthzCheck("ping", healthz.Ping),
		s.mgr.AddReadyzCheck("ready", s.ready),
	)
}

// loginsExplained tells whether each login of the configuration is there, or
// what it is that keeps it from us.
func (s *server) loginsExplained() bool {
	entries, err := s.config.Load().Entries()
	return err != nil || !slices.ContainsFunc(entries, func(e registry.Entry) bool {
		_, there := s.fixed.Peek(e.Key())
		return !there && s.fixed.Err(e.Key()) == nil
	})
}

// firstAnswers is how long readiness waits for the first tokens, and then for
// the first look at routes. A replica that does not ask for them itself never
// learns why they do not come.
const firstAnswers = 3 * time.Second

// patience ends firstAnswers after it was first asked.
type patience struct{ until atomic.Int64 }

func (p *patience) over(now time.Time) bool {
	p.until.CompareAndSwap(0, now.Add(firstAnswers).UnixNano())
	return now.UnixNano() > p.until.Load()
}

// everyReplica runs a function whether or not this replica leads.
type everyReplica struct{ manager.RunnableFunc }

// NeedLeaderElection is false.
func (everyReplica) NeedLeaderElection() bool { return false }
