package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// bench is one Self over an API server in memory, on fake time.
type bench struct {
	*Self
	t       *testing.T
	api     client.WithWatch
	refuse  atomic.Pointer[error] // of every write
	writes  atomic.Int64
	logs    syncBuffer
	end     context.CancelFunc
	ended   chan error
	leading atomic.Bool
	mended  atomic.Int64

	onlySecret bool // is refused
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) add(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.WriteString(line + "\n")
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	require.NoError(t, errors.Join(corev1.AddToScheme(s), admissionregistrationv1.AddToScheme(s)))
	return s
}

func newBench(t *testing.T, objects ...client.Object) *bench {
	t.Helper()
	b := &bench{t: t, ended: make(chan error, 1)}
	wrote := func() error {
		b.writes.Add(1)
		if err := b.refuse.Load(); err != nil {
			return *err
		}
		return nil
	}
	b.api = fake.NewClientBuilder().WithScheme(scheme(t)).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			_, registration := o.(*admissionregistrationv1.MutatingWebhookConfiguration)
			if err := wrote(); err != nil && (!registration || !b.onlySecret) {
				return err
			}
			return c.Patch(ctx, o, p, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			if err := wrote(); err != nil {
				return err
			}
			return c.Apply(ctx, o, opts...)
		},
	}).Build()
	b.leading.Store(true)
	var err error
	b.Self, err = NewSelf(SelfOptions{
		Cached: b.api, Live: b.api, Client: b.api, Namespace: "ns", Names: names, Lives: year,
		Registrations: b.registrations, Leading: b.leading.Load, Repaired: func(Registration) { b.mended.Add(1) },
	})
	require.NoError(t, err)
	return b
}

func (b *bench) registrations(ctx context.Context) []Registration {
	var c admissionregistrationv1.MutatingWebhookConfiguration
	if err := b.api.Get(ctx, client.ObjectKey{Name: "zz"}, &c); err != nil {
		return nil
	}
	return []Registration{FromMutating(&c)}
}

func registration() *admissionregistrationv1.MutatingWebhookConfiguration {
	c := &admissionregistrationv1.MutatingWebhookConfiguration{Webhooks: []admissionregistrationv1.MutatingWebhook{
		{Name: "a.example.com", ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "tcr-webhook", Name: "tcr-webhook"}}},
	}}
	c.Name = "zz"
	return c
}

func (b *bench) start() {
	logger := funcr.New(func(_, args string) { b.logs.add(args) }, funcr.Options{Verbosity: 2})
	ctx, end := context.WithCancel(log.IntoContext(b.t.Context(), logger))
	b.end = end
	go func() { b.ended <- b.Start(ctx) }()
	b.Changed()
	b.pass(time.Second)
}

// pass lets time go by, and has watches tell of every change within a tenth of a
// second at first, and in the last seconds.
func (b *bench) pass(d time.Duration) {
	const busy = 2 * time.Second
	if d > 2*busy {
		b.pass(busy)
		time.Sleep(d - 2*busy)
		d = busy
	}
	for until := time.Now().Add(d); time.Now().Before(until); {
		time.Sleep(100 * time.Millisecond)
		b.Changed()
	}
	synctest.Wait()
}

func (b *bench) stop() {
	b.end()
	require.NoError(b.t, <-b.ended)
}

func (b *bench) secret() *corev1.Secret {
	var s corev1.Secret
	require.NoError(b.t, b.api.Get(b.t.Context(), client.ObjectKey{Namespace: "ns", Name: SecretName}, &s))
	return &s
}

func TestSelfMakesWhatThereIsNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, registration())
		require.Error(t, b.Ready())
		_, err := b.GetCertificate(&tls.ClientHelloInfo{})
		require.ErrorIs(t, err, errNoCertificate)
		b.leading.Store(false) // nobody has to lead
		b.start()
		require.NoError(t, b.Ready())
		s := b.secret()
		assert.Equal(t, corev1.SecretTypeOpaque, s.Type)
		assert.Equal(t, secretLabels(), s.Labels)
		assert.Equal(t, b.registrations(t.Context())[0].Entries[0].CABundle, s.Data["current.crt"])
		pair, err := b.GetCertificate(nil)
		require.NoError(t, err)
		assert.Equal(t, b.Served(), pair.Leaf)
		assert.Equal(t, b.Authority().Certificate, b.replica.served.Load().CA)
		writes := b.writes.Load()
		b.pass(time.Hour)
		assert.Equal(t, writes, b.writes.Load(), "nothing is written without need")
		b.stop()
	})
}

func TestSelfIsReadyWithoutARegistration(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		require.NoError(t, b.Ready())
		require.NoError(t, b.api.Create(t.Context(), registration()))
		b.pass(200 * time.Millisecond)
		require.NoError(t, b.Ready())
		assert.Zero(t, b.mended.Load(), "a registration that is new is not one that was changed")
		b.stop()
	})
}

// What is wiped makes the replica unready, and is mended at once by the leader
// and within a second by any other.
func TestSelfMendsACABundle(t *testing.T) {
	t.Parallel()
	for name, leads := range map[string]bool{"a leader": true, "another": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, registration())
				b.start()
				b.leading.Store(leads)
				forbidden := error(apierrors.NewForbidden(schema.GroupResource{Resource: "x"}, "zz", nil))
				b.refuse.Store(&forbidden)
				wipe := func() {
					var c admissionregistrationv1.MutatingWebhookConfiguration
					require.NoError(t, b.api.Get(t.Context(), client.ObjectKey{Name: "zz"}, &c))
					c.Webhooks[0].ClientConfig.CABundle = nil
					require.NoError(t, b.api.Update(t.Context(), &c))
				}
				wipe()
				b.pass(5 * time.Second)
				require.ErrorContains(t, b.Ready(), "does not trust our certificate by the caBundle of webhook a.example.com")
				assert.Contains(t, b.Problem(), "write caBundle of MutatingWebhookConfiguration zz: x \"zz\" is forbidden")
				assert.Equal(t, 1, strings.Count(b.logs.String(), "Certificates not as they should be"), "told once")
				b.refuse.Store(nil)
				b.pass(time.Minute)
				require.NoError(t, b.Ready())
				assert.Empty(t, b.Problem())
				assert.EqualValues(t, 1, b.mended.Load())

				wipe()
				b.pass(900 * time.Millisecond)
				require.NoError(t, b.Ready())
				b.stop()
			})
		})
	}
}

// A day goes by, which is the life of a CA, and nothing that was ever served is
// not trusted.
func TestSelfRotates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lives := Lives{CA: day, Leaf: 6 * time.Hour}
		b := newBench(t, registration())
		b.lives, b.Lives = lives, lives
		b.start()
		began, first, leaf := time.Now(), b.Authority(), b.Served()
		until := func(at time.Duration) {
			for time.Since(began) < at {
				time.Sleep(min(10*time.Minute, at-time.Since(began)))
				b.pass(400 * time.Millisecond)
				require.NoError(t, b.Ready())
			}
		}
		until(3 * time.Hour)
		assert.Equal(t, leaf, b.Served())
		until(4 * time.Hour)
		assert.NotEqual(t, leaf, b.Served(), "another certificate after two thirds, of which a tenth was before it began")
		assert.Equal(t, first, b.Authority(), "by the same CA")
		until(13 * time.Hour)
		assert.Nil(t, b.secret().Data["next.crt"])
		until(16 * time.Hour)
		assert.NotEqual(t, first.Certificate, b.Authority().Certificate)
		assert.Equal(t, b.Authority().Certificate, b.replica.served.Load().CA)
		content := ParseContent(b.secret().Data)
		assert.Equal(t, []string{label(first.Certificate)}, labels(content.Previous))
		assert.Nil(t, b.secret().Data["previous.key"])
		assert.Len(t, trusted(b.registrations(t.Context())), 2)
		until(27 * time.Hour)
		assert.Empty(t, ParseContent(b.secret().Data).Previous, "it has expired")
		assert.NotContains(t, labels(trusted(b.registrations(t.Context()))), label(first.Certificate))
		assert.Zero(t, b.mended.Load())
		b.stop()
	})
}

// No private key is in a log, an error or what is asked for, whatever fails.
func TestNoKeyIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, registration())
		b.start()
		b.onlySecret = true
		key := b.secret().Data["current.key"]
		told := []string{b.Authority().String()}
		for _, damage := range []map[string][]byte{{"current.crt": key}, {"current.key": append([]byte("x"), key...)}, {"previous.crt": key}, {"next.key": key}} {
			s := b.secret()
			for k, v := range damage {
				s.Data[k] = v
			}
			require.NoError(t, b.api.Update(t.Context(), s))
			for _, err := range []error{
				apierrors.NewInvalid(schema.GroupKind{Kind: "Secret"}, SecretName, nil), errors.New("no route to host"),
				&apierrors.StatusError{ErrStatus: apierrors.NewBadRequest("the body was " + string(key)).ErrStatus},
			} {
				b.refuse.Store(&err)
				b.pass(time.Second)
				told = append(told, b.Problem())
			}
			b.refuse.Store(nil)
			b.pass(time.Minute)
			require.NoError(t, b.Ready())
			key = b.secret().Data["current.key"]
		}
		text, err := json.Marshal(told)
		require.NoError(t, err)
		assert.NotContains(t, b.logs.String()+string(text), "PRIVATE KEY")
		b.stop()
	})
}
