package credentials

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

const demoID = registry.ID("tcr-demo0001")

// vault is a Tokens that holds what a test puts in.
type vault struct {
	mu     sync.Mutex
	tokens map[registry.ID]token.Token
	err    error
}

func (v *vault) Peek(key registry.Key) (token.Token, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	tok, ok := v.tokens[key.ID]
	return tok, ok
}

func (v *vault) Err(registry.Key) error { return v.err }

func (v *vault) put(id registry.ID, tok token.Token) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tokens = map[registry.ID]token.Token{id: tok}
}

// rig is a keeper over an API server's tracker in memory.
type rig struct {
	*Keeper
	vault  *vault
	client client.Client
	hang   chan struct{} // if set, a write waits for it
	writes int
}

func newRig(t *testing.T, objects ...client.Object) *rig {
	t.Helper()
	everyone, err := registry.SelectNamespaces(nil, nil)
	require.NoError(t, err)
	d, _ := registry.NewDirectory([]registry.Entry{{ID: demoID, Namespaces: everyone, Hosts: registry.Hosts{Public: "demo.tencentcloudcr.com"}}})
	scheme := runtime.NewScheme()
	require.NoError(t, corev1.AddToScheme(scheme))
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	r := &rig{vault: &vault{}}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithReturnManagedFields().Build()
	r.client = c
	summarized := interceptor.NewClient(c, interceptor.Funcs{
		// The manager's cache holds summaries.
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			err := c.Get(ctx, key, obj, opts...)
			if s, ok := obj.(*corev1.Secret); ok && err == nil {
				summary, _ := Summarize(s)
				*s = *summary.(*corev1.Secret)
			}
			return err
		},
		Apply: func(ctx context.Context, c client.WithWatch, ac runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			r.writes++
			if r.hang != nil {
				select {
				case <-r.hang:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return c.Apply(ctx, ac, opts...)
		},
	})
	r.Keeper = NewKeeper(Options{
		Client: summarized, Live: c, Namespaces: r.namespaces, Tokens: r.vault, Directory: func() *registry.Directory { return d },
		DigestKey: func() []byte { return sealKey },
		Owing:     func() {}, SecretName: "tcr-pull", OwnNamespace: "tcr-webhook",
	})
	r.SetGrace(500 * time.Millisecond)
	return r
}

// namespaces are all there are.
func (r *rig) namespaces() iter.Seq[*metav1.PartialObjectMetadata] {
	var all metav1.PartialObjectMetadataList
	all.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := r.client.List(context.Background(), &all); err != nil {
		panic(err)
	}
	return func(yield func(*metav1.PartialObjectMetadata) bool) {
		for i := range all.Items {
			if !yield(&all.Items[i]) {
				return
			}
		}
	}
}

// lead looks at namespaces as the leader does, and makes the writes that follow.
func (r *rig) lead(t *testing.T, namespaces ...string) {
	t.Helper()
	reconciler := NewReconciler(r.Keeper, nil)
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	for _, name := range namespaces {
		_, err := reconciler.Reconcile(t.Context(), request(name))
		require.NoError(t, err)
	}
	for name, ok := reconciler.wave.take(); ok; name, ok = reconciler.wave.take() {
		reconciler.write(t.Context(), q, name)
	}
}

// far is a time that no test waits for.
func far() time.Time { return time.Now().Add(time.Hour) }

func namespaceNamed(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func (r *rig) secret(t *testing.T, namespace string) *corev1.Secret {
	t.Helper()
	var s corev1.Secret
	err := r.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "tcr-pull"}, &s)
	if err != nil {
		require.NoError(t, client.IgnoreNotFound(err))
		return nil
	}
	return &s
}

func TestEnsureWritesAndWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, namespaceNamed("shop"))
		r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))

		assert.Empty(t, r.Ensure(t.Context(), "shop", []registry.ID{demoID}, far()))
		require.NotNil(t, r.secret(t, "shop"))
		assert.Empty(t, r.Ensure(t.Context(), "shop", []registry.ID{demoID}, far()))
		assert.Equal(t, 1, r.writes, "a Secret that is good was written again")
	})
}

func TestEnsureShares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, namespaceNamed("shop"))
		r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
		r.hang = make(chan struct{})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { assert.Empty(t, r.Ensure(t.Context(), "shop", []registry.ID{demoID}, far())) })
		}
		synctest.Wait()
		close(r.hang)
		wg.Wait()
		assert.Equal(t, 1, r.writes)
	})
}

func TestEnsureWaitsNoLongerThanItsGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, namespaceNamed("shop"))
		r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
		r.hang = make(chan struct{})
		took := func() time.Duration {
			begun := time.Now()
			assert.Contains(t, r.Ensure(t.Context(), "shop", []registry.ID{demoID}, far()), "follows by itself")
			return time.Since(begun)
		}
		assert.Equal(t, 500*time.Millisecond, took())
		assert.Zero(t, took(), "a second pod waited for what did not come for the first")
		time.Sleep(vainPause)
		assert.Equal(t, 500*time.Millisecond, took(), "nobody waits any more")

		close(r.hang)
		synctest.Wait()
		assert.NotNil(t, r.secret(t, "shop"), "the write ended with the wait for it")
	})
}

func TestEnsureBoundsItsWaiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, namespaceNamed("shop"))
		r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
		r.hang = make(chan struct{})
		var wg sync.WaitGroup
		for range waiters {
			wg.Go(func() { r.Ensure(t.Context(), "shop", []registry.ID{demoID}, far()) })
		}
		synctest.Wait()
		begun := time.Now()
		assert.NotEmpty(t, r.Ensure(t.Context(), "shop", []registry.ID{demoID}, far()))
		assert.Zero(t, time.Since(begun))
		close(r.hang)
		wg.Wait()
	})
}

func TestEnsureSaysWhyThereIsNoToken(t *testing.T) {
	t.Parallel()
	const marker = "marker-18c2"
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"not asked yet", nil, "no login for tcr-demo0001 yet (being asked for)"},
		{"denied", token.ErrDenied, "Tencent Cloud denies it"},
		{"unknown", token.ErrNotFound, "knows no such instance"},
		{"throttled", token.ErrThrottled, "Tencent Cloud throttles"},
		{"skewed", token.ErrClockSkew, "clocks disagree"},
		{"anything else", errors.New("no"), "does not answer as it should"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, namespaceNamed("shop"))
				if tt.err != nil {
					r.vault.err = fmt.Errorf("%s: %w", marker, tt.err)
				}
				begun := time.Now()
				warning := r.Ensure(t.Context(), "shop", []registry.ID{demoID}, far())
				assert.Contains(t, warning, tt.want)
				assert.NotContains(t, warning, marker)
				assert.Zero(t, time.Since(begun), "it waited for a token")
			})
		})
	}
}

func TestAnUnservedDemandIsServedWhenTheTokenComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, namespaceNamed("shop"))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { assert.NoError(t, r.Start(ctx)) })
		require.NotEmpty(t, r.Ensure(t.Context(), "shop", []registry.ID{demoID}, far()))
		time.Sleep(time.Minute)
		require.Nil(t, r.secret(t, "shop"))
		assert.Zero(t, r.writes)

		r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
		r.TokensChanged()
		synctest.Wait()
		assert.NotNil(t, r.secret(t, "shop"))
		assert.Empty(t, r.demand.pending(), "a demand that was served is still open")
		cancel()
		wg.Wait()
	})
}

func TestNamespacesThatGetNoSecret(t *testing.T) {
	t.Parallel()
	leaving := namespaceNamed("leaving")
	now := metav1.Now()
	leaving.DeletionTimestamp, leaving.Finalizers = &now, []string{"kubernetes"}
	for _, name := range []string{"tcr-webhook", "leaving", "gone"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, namespaceNamed("tcr-webhook"), leaving.DeepCopy())
				r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
				assert.Empty(t, r.Ensure(t.Context(), name, []registry.ID{demoID}, far()))
				assert.Zero(t, r.writes)
				assert.Empty(t, r.demand.pending(), "a namespace that gets none is asked about for ever")
			})
		})
	}
}

func TestAForeignSecretIsSaidToBeOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "tcr-pull"}, Type: corev1.SecretTypeOpaque}
		r := newRig(t, namespaceNamed("shop"), foreign)
		r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
		assert.Contains(t, r.Ensure(t.Context(), "shop", []registry.ID{demoID}, far()), "was not made by tcr-webhook")
		assert.Zero(t, r.writes)
	})
}

// Whoever reaches the webhook's port can make up reviews. What they name is
// neither remembered without bound nor looked for without pause.
func TestMadeUpNamespacesCostLittle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
		var looks atomic.Int64
		r.Live = interceptor.NewClient(r.client.(client.WithWatch), interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				looks.Add(1)
				return c.Get(ctx, key, obj, opts...)
			},
		})
		for i := range 2 * strangersAtOnce {
			r.Ensure(t.Context(), fmt.Sprintf("made-up-%d", i), []registry.ID{demoID}, far())
		}
		assert.EqualValues(t, strangersAtOnce, looks.Load())

		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		assert.NoError(t, r.Start(ctx))
		assert.Empty(t, r.demand.pending(), "what does not exist is asked about for ever")
		assert.Empty(t, r.demand.vain)
	})
}

func TestDemandIsBounded(t *testing.T) {
	t.Parallel()
	d := newDemand()
	for i := range maxAsked + 100 {
		d.add(fmt.Sprintf("made-up-%d", i), noon)
	}
	assert.Len(t, d.pending(), maxAsked)
	assert.False(t, d.has(fmt.Sprintf("made-up-%d", maxAsked)))
	d.done("made-up-0")
	d.add("real", noon)
	assert.True(t, d.has("real"))
}
