package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// ownSecrets is a cache of one Secret of our own namespace, apart from that of
// the pull Secrets, which holds no login. As a part of the manager it is filled
// before anybody leads.
type ownSecrets struct{ cache.Cache }

// GetCache tells the manager what kind of part it is.
func (o ownSecrets) GetCache() cache.Cache { return o.Cache }

// shareTokens has the replicas share their tokens: one of them asks for each.
func (s *server) shareTokens(ctx context.Context) error {
	own, err := cache.New(s.mgr.GetConfig(), cache.Options{
		HTTPClient: s.mgr.GetHTTPClient(), Scheme: s.mgr.GetScheme(), Mapper: s.mgr.GetRESTMapper(),
		DefaultNamespaces:    map[string]cache.Config{s.opts.namespace: {}},
		DefaultFieldSelector: fields.OneTermEqualSelector("metadata.name", credentials.TokenSecretName),
	})
	if err != nil {
		return fmt.Errorf("create cache of the token Secret: %w", err)
	}
	shared := credentials.NewShared(credentials.SharedOptions{
		Cached: own, Live: s.mgr.GetAPIReader(), Client: s.mgr.GetClient(), Namespace: s.opts.namespace,
	})
	if err := onChange(ctx, own, &corev1.Secret{}, shared.Changed); err != nil {
		return fmt.Errorf("watch token Secret: %w", err)
	}
	lease := &credentials.Lease{
		Live: s.mgr.GetAPIReader(), Namespace: s.opts.namespace, Name: leaseName, Elected: s.mgr.Elected(),
	}
	// The leader asks the cloud. Another replica does when it has nothing and
	// nobody leads, and none before it knows what the others have.
	turn := func(usable bool) bool {
		return isClosed(shared.Loaded()) && (lease.Leading() || !usable && lease.Leaderless())
	}
	s.shared = shared
	s.tokens = token.New(s.cloud, token.Options{OnChange: s.tokenChanged, Turn: turn})
	s.routes = s.newRoutes(turn, lease.Leading)
	sync := everyReplica{func(ctx context.Context) error {
		return shared.Sync(ctx, credentials.Knowledge{Tokens: s.tokens, Debts: s.keeper, Descriptions: s.instances, Ways: s.routes})
	}}
	turns := everyReplica{func(ctx context.Context) error {
		for _, comes := range []<-chan struct{}{shared.Loaded(), s.mgr.Elected()} {
			select {
			case <-comes:
				s.tokens.TurnChanged()
				s.routes.Look()
			case <-ctx.Done():
			}
		}
		return nil
	}}
	for _, part := range []manager.Runnable{ownSecrets{own}, sync, turns, lease} {
		if err := s.mgr.Add(part); err != nil {
			return fmt.Errorf("add %T: %w", part, err)
		}
	}
	return nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// onChange calls changed whenever an object of the cache has changed.
func onChange(ctx context.Context, c cache.Cache, object client.Object, changed func()) error {
	informer, err := c.GetInformer(ctx, object, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { changed() },
		UpdateFunc: func(any, any) { changed() },
		DeleteFunc: func(any) { changed() },
	})
	return err
}
