package chaos

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/tcr-webhook/tcr-webhook/certs"
)

const caSecret, registered = "tcr-webhook-ca", "zz-tcr-webhook"

// storage is what the API server stores: the Secret with the CAs, and the
// registration. Whoever watches it hears late of what is new.
type storage struct {
	client.Client
	t *testing.T

	mu       sync.Mutex
	watchers []chan client.Object // guarded by mu
	signers  []string             // the CAs that have signed, by their certificates; guarded by mu
	rotated  time.Time            // guarded by mu
	pumps    sync.WaitGroup
}

func newStorage(t *testing.T, r registration) *storage {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, corev1.AddToScheme(scheme))
	require.NoError(t, admissionregistrationv1.AddToScheme(scheme))
	return &storage{t: t, Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(r.configuration()).Build(), rotated: time.Now()}
}

// Apply implements client.Writer.
func (s *storage) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	err := s.Client.Apply(ctx, o, opts...)
	s.publish(ctx)
	return err
}

// Patch implements client.Writer.
func (s *storage) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	err := s.Client.Patch(ctx, o, p, opts...)
	s.publish(ctx)
	if err != nil && p.Type() == types.JSONPatchType && !apierrors.IsNotFound(err) {
		// A test that fails is told by kube-apiserver as something invalid.
		return apierrors.NewInvalid(schema.GroupKind{}, o.GetName(), nil)
	}
	return err
}

// current reads both objects.
func (s *storage) current(ctx context.Context) []client.Object {
	secret, config := &corev1.Secret{}, &admissionregistrationv1.MutatingWebhookConfiguration{}
	require.NoError(s.t, client.IgnoreNotFound(s.Get(ctx, types.NamespacedName{Namespace: "tcr-webhook", Name: caSecret}, secret)))
	require.NoError(s.t, s.Get(ctx, types.NamespacedName{Name: registered}, config))
	return []client.Object{secret, config}
}

// publish tells all who watch.
func (s *storage) publish(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.current(context.WithoutCancel(ctx))
	secret, _ := now[0].(*corev1.Secret)
	if signer := string(secret.Data["current.crt"]); signer != "" && (len(s.signers) == 0 || s.signers[len(s.signers)-1] != signer) {
		s.signers, s.rotated = append(s.signers, signer), time.Now()
	}
	for _, w := range s.watchers {
		for _, o := range now {
			w <- o
		}
	}
}

// authorities is how many CAs have signed so far.
func (s *storage) authorities() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.signers)
}

func (s *storage) sinceRotation() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.rotated)
}

// subscribe calls heard with what is new, in order, each up to lag late.
func (s *storage) subscribe(lag time.Duration, heard func(client.Object)) (stop func()) {
	events, done := make(chan client.Object, 10_000), make(chan struct{})
	s.mu.Lock()
	for _, o := range s.current(context.Background()) {
		events <- o
	}
	s.watchers = append(s.watchers, events)
	s.mu.Unlock()
	s.pumps.Go(func() {
		for first := 2; ; first-- {
			select {
			case o := <-events:
				if first <= 0 {
					time.Sleep(rand.N(lag) / time.Duration(1+len(events)))
				}
				heard(o)
			case <-done:
				return
			}
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.watchers = slices.DeleteFunc(s.watchers, func(w chan client.Object) bool { return w == events })
	})
}

// late returns what has an API server hear of the registration.
func (s *storage) late(lag time.Duration) func(func(*admissionregistrationv1.MutatingWebhookConfiguration)) (stop func()) {
	return func(update func(*admissionregistrationv1.MutatingWebhookConfiguration)) func() {
		return s.subscribe(lag, func(o client.Object) {
			if c, is := o.(*admissionregistrationv1.MutatingWebhookConfiguration); is {
				update(c.DeepCopy())
			}
		})
	}
}

// overwrite replaces the caBundle.
func (s *storage) overwrite(ca []byte) {
	ctx := context.Background()
	config, _ := s.current(ctx)[1].(*admissionregistrationv1.MutatingWebhookConfiguration)
	config.Webhooks[0].ClientConfig.CABundle = ca
	require.NoError(s.t, s.Update(ctx, config))
	s.publish(ctx)
}

func (s *storage) stop() { s.pumps.Wait() }

// views is what one replica has heard of.
type views struct {
	client.Reader
	stop func()

	mu     sync.Mutex
	secret *corev1.Secret                                        // guarded by mu
	config *admissionregistrationv1.MutatingWebhookConfiguration // guarded by mu
}

// watch hears of what is new up to lag late.
func (v *views) watch(s *storage, lag time.Duration, changed func()) {
	v.stop = s.subscribe(lag, func(o client.Object) {
		v.mu.Lock()
		switch o := o.(type) {
		case *corev1.Secret:
			v.secret = o
		case *admissionregistrationv1.MutatingWebhookConfiguration:
			v.config = o
		}
		v.mu.Unlock()
		changed()
	})
}

// Get implements client.Reader for the Secret.
func (v *views) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.secret == nil || v.secret.Name == "" {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, caSecret)
	}
	secret, _ := into.(*corev1.Secret)
	v.secret.DeepCopyInto(secret)
	return nil
}

func (v *views) registrations(context.Context) []certs.Registration {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.config == nil {
		return nil
	}
	return []certs.Registration{certs.FromMutating(v.config)}
}

// Apply implements client.Writer.
func (k killer) Apply(ctx context.Context, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
	return k.write("create the Secret", func() error { return k.storage.Apply(ctx, o, opts...) })
}

// Patch implements client.Writer.
func (k killer) Patch(ctx context.Context, o client.Object, p client.Patch, opts ...client.PatchOption) error {
	what := "write the caBundle"
	if _, secret := o.(*corev1.Secret); secret {
		what = "write the Secret"
	}
	return k.write(what, func() error { return k.storage.Patch(ctx, o, p, opts...) })
}

func (k killer) write(what string, do func() error) error {
	before, after := k.r.mayKill(k.p, what)
	if before {
		k.r.replace(k.p, "before: "+what)
		return context.Canceled
	}
	time.Sleep(rand.N(200 * time.Millisecond)) // the way there
	err := do()
	if after {
		k.r.replace(k.p, "after: "+what)
	}
	return err
}
