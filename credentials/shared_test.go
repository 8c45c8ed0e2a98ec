package credentials

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/credentials/tokensecret"
)

var demoKey = registry.Key{ID: demoID}

// replica is a Shared with the cache it serves.
type replica struct {
	*Shared
	cache *token.Cache
	debts debts

	instances *Instances
	routes    *Routes
}

// debts is a Debts of which a test decides what is paid.
type debts struct {
	mu   sync.Mutex
	open []string
}

func (d *debts) Owed() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(slices.Values(d.open))
}

func (d *debts) Owe(namespaces ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = append(d.open, namespaces...)
}

func (d *debts) pay() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = nil
}

func newReplica(c client.Client) *replica {
	r := &replica{Shared: NewShared(SharedOptions{Cached: c, Live: c, Client: c, Namespace: "tcr-webhook"}), instances: NewInstances(unsettled, func() {})}
	r.routes = NewRoutes(RoutesOptions{Changed: func() {}})
	r.cache = token.New(nil, token.Options{OnChange: func(registry.Key) { r.Changed() }})
	r.cache.Want(demoKey)
	return r
}

func (r *replica) isLoaded() bool {
	select {
	case <-r.Loaded():
		return true
	default:
		return false
	}
}

// starts runs the replica until the test ends, and returns when it is in step.
func (r *replica) starts(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { assert.NoError(t, r.Sync(ctx, Knowledge{r.cache, &r.debts, r.instances, r.routes})) })
	t.Cleanup(func() { cancel(); running.Wait() })
	synctest.Wait()
}

func tokenSecretIn(t *testing.T, c client.Client) tokensecret.Content {
	t.Helper()
	var s corev1.Secret
	require.NoError(t, c.Get(t.Context(), client.ObjectKey{Namespace: "tcr-webhook", Name: TokenSecretName}, &s))
	content, damaged := tokensecret.Decode(s.Data)
	require.Empty(t, damaged)
	return content
}

func TestWhatOneReplicaObtainsTheOthersAdopt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientBuilder().WithReturnManagedFields().Build()
		one, two := newReplica(c), newReplica(c)
		assert.False(t, one.isLoaded())
		one.starts(t)
		two.starts(t)
		require.True(t, one.isLoaded() && two.isLoaded())
		assert.Equal(t, one.DigestKey(), two.DigestKey())
		assert.Len(t, one.DigestKey(), tokensecret.DigestKeyLength)

		first := tokenFrom(time.Now().Round(0), time.Hour)
		require.True(t, one.cache.Adopt(demoKey, first))
		synctest.Wait()
		assert.Equal(t, first.ExpiresAt.UTC(), tokenSecretIn(t, c).Tokens[demoKey].ExpiresAt)
		two.Changed() // as the watch does
		synctest.Wait()
		got, ok := two.cache.Peek(demoKey)
		require.True(t, ok)
		assert.True(t, got.ExpiresAt.Equal(first.ExpiresAt))

		// A third that starts later has it before it could ask for one.
		three := newReplica(c)
		three.starts(t)
		_, ok = three.cache.Peek(demoKey)
		assert.True(t, ok)
		assert.Equal(t, one.DigestKey(), three.DigestKey())
	})
}

func TestATokenSecretThatIsLostOrDamagedIsMadeAnew(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(context.Context, client.Client, *corev1.Secret) error{
		"lost": func(ctx context.Context, c client.Client, s *corev1.Secret) error { return c.Delete(ctx, s) },
		"emptied": func(ctx context.Context, c client.Client, s *corev1.Secret) error {
			s.Data = nil
			return c.Update(ctx, s)
		},
		"damaged": func(ctx context.Context, c client.Client, s *corev1.Secret) error {
			s.Data = map[string][]byte{"digest-key": []byte("?"), string(demoID): []byte("?")}
			return c.Update(ctx, s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := fake.NewClientBuilder().WithReturnManagedFields().Build()
				r := newReplica(c)
				r.starts(t)
				require.True(t, r.cache.Adopt(demoKey, tokenFrom(time.Now(), time.Hour)))
				synctest.Wait()
				before := tokenSecretIn(t, c)
				var s corev1.Secret
				require.NoError(t, c.Get(t.Context(), client.ObjectKey{Namespace: "tcr-webhook", Name: TokenSecretName}, &s))
				require.NoError(t, harm(t.Context(), c, &s))
				r.Changed()
				synctest.Wait()
				assert.Equal(t, before, tokenSecretIn(t, c))
			})
		})
	}
}

func TestTokensAreSharedWhenTheAPIServerIsBackAndNothingIsQuoted(t *testing.T) {
	t.Parallel()
	const marker = "marker-77e0"
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		c := interceptor.NewClient(fake.NewClientBuilder().WithReturnManagedFields().Build(), interceptor.Funcs{
			Apply: func(ctx context.Context, c client.WithWatch, ac runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
				if away.Load() {
					return errors.New("connection refused")
				}
				return c.Apply(ctx, ac, opts...)
			},
		})
		var logged []string
		ctx := logr.NewContext(t.Context(), funcr.New(func(_, args string) { logged = append(logged, args) }, funcr.Options{}))
		r := newReplica(c)
		away.Store(true)
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		running.Go(func() { assert.NoError(t, r.Sync(ctx, Knowledge{r.cache, &r.debts, r.instances, r.routes})) })
		tok := tokenFrom(time.Now(), time.Hour)
		tok.Password = marker
		require.True(t, r.cache.Adopt(demoKey, tok))
		time.Sleep(10 * time.Minute)
		assert.False(t, r.isLoaded())
		_, ok := r.cache.Peek(demoKey)
		assert.True(t, ok, "a token that works is of no use while it cannot be shared")

		away.Store(false)
		time.Sleep(shareAtLeast)
		assert.True(t, r.isLoaded())
		assert.EqualValues(t, marker, tokenSecretIn(t, c).Tokens[demoKey].Password)
		cancel()
		running.Wait()
		assert.Less(t, len(logged), 40, "writes are tried without pause")
		for _, line := range logged {
			assert.NotContains(t, line, marker)
		}
	})
}

func TestWhatACrashedReplicaOwedIsPaidByTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientBuilder().WithReturnManagedFields().Build()
		crashed := newReplica(c)
		crashed.debts.Owe("team-b", "shop")
		crashed.starts(t)
		assert.Equal(t, []string{"shop", "team-b"}, tokenSecretIn(t, c).Owed)

		next := newReplica(c)
		next.starts(t)
		assert.Equal(t, []string{"shop", "team-b"}, next.debts.Owed())
		crashed.debts.pay() // it is dead
		next.debts.pay()
		next.Changed()
		synctest.Wait()
		assert.Empty(t, tokenSecretIn(t, c).Owed)
		next.Changed()
		synctest.Wait()
		assert.Empty(t, next.debts.Owed(), "what was paid is owed again")
	})
}

// With the API away, a replica that starts knows what the others knew.
func TestInstancesAreCalledAsAnotherReplicaWasTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientBuilder().WithReturnManagedFields().Build()
		one, two := newReplica(c), newReplica(c)
		one.instances.Set([]registry.Entry{entry(t, demoID, "")}, describerFunc(func(context.Context, registry.ID) (registry.Hosts, error) {
			return registry.Hosts{Public: "demo.tencentcloudcr.com"}, nil
		}))
		one.starts(t)
		run(t, one.instances)
		synctest.Wait()
		one.Changed()
		synctest.Wait()

		two.instances.Set([]registry.Entry{entry(t, demoID, "")}, describerFunc(func(context.Context, registry.ID) (registry.Hosts, error) {
			return registry.Hosts{}, errors.New("away")
		}))
		two.starts(t)
		assert.Equal(t, demoID, serves(two.instances, "demo.tencentcloudcr.com"))
	})
}

// Two replicas that start at once over a watch that is behind.
func TestReplicasThatStartAtOnceAgree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientBuilder().WithReturnManagedFields().Build()
		stale := fake.NewClientBuilder().Build() // has seen nothing yet
		one, two := newReplica(c), newReplica(c)
		one.Cached, two.Cached = stale, stale
		require.True(t, one.cache.Adopt(demoKey, tokenFrom(time.Now(), time.Hour)))
		one.starts(t)
		two.starts(t)
		one.Cached, two.Cached = c, c
		one.Changed()
		two.Changed()
		synctest.Wait()
		one.Changed()
		synctest.Wait()
		assert.Equal(t, one.DigestKey(), two.DigestKey())
		assert.Contains(t, tokenSecretIn(t, c).Tokens, demoKey, "one wrote over what the other had")
	})
}

func TestTheTokenSecretIsMarkedAsOurs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := fake.NewClientBuilder().WithReturnManagedFields().Build()
		newReplica(c).starts(t)
		var s corev1.Secret
		require.NoError(t, c.Get(t.Context(), client.ObjectKey{Namespace: "tcr-webhook", Name: TokenSecretName}, &s))
		assert.Equal(t, map[string]string{"app.kubernetes.io/managed-by": "tcr-webhook", "velero.io/exclude-from-backup": "true"}, s.Labels)
		assert.Equal(t, corev1.SecretTypeOpaque, s.Type)
		assert.Equal(t, []string{FieldManager}, managersOf(s.ManagedFields))
	})
}

func managersOf(fields []metav1.ManagedFieldsEntry) []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Manager)
	}
	return names
}
