package certs

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cert-manager/cert-manager/pkg/util/pki"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// mount writes a pair by a into dir, and ca.crt if there is one to write.
func mount(t *testing.T, dir string, a *Authority, ca []byte) {
	t.Helper()
	l, err := a.Sign(names, time.Now(), time.Hour)
	require.NoError(t, err)
	key, err := pki.EncodePKCS8PrivateKey(l.pair.PrivateKey)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tls.crt"), encodeBundle([]*x509.Certificate{l.Certificate}), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tls.key"), key, 0o600))
	if ca != nil {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.crt"), ca, 0o600))
	}
}

func newCA(t *testing.T) *Authority {
	t.Helper()
	a, err := NewAuthority(time.Now(), day)
	require.NoError(t, err)
	return a
}

// mountedBench is a Mounted that is looked after step by step.
type mountedBench struct {
	*Mounted
	t   *testing.T
	api client.Client
	dir string
}

func newMountedBench(t *testing.T, a *Authority, ca []byte, inject bool) *mountedBench {
	t.Helper()
	b := &mountedBench{t: t, dir: t.TempDir(), api: fake.NewClientBuilder().WithScheme(scheme(t)).WithObjects(registration()).Build()}
	mount(t, b.dir, a, ca)
	watcher, err := WatchPair(b.dir)
	require.NoError(t, err)
	b.Mounted, err = NewMounted(MountedOptions{
		Watcher: watcher, Dir: b.dir, Inject: inject, Client: b.api, Leading: func() bool { return true },
		Registrations: func(ctx context.Context) []Registration {
			var c admissionregistrationv1.MutatingWebhookConfiguration
			require.NoError(t, b.api.Get(ctx, client.ObjectKey{Name: "zz"}, &c))
			return []Registration{FromMutating(&c)}
		},
	})
	require.NoError(t, err)
	return b
}

func (b *mountedBench) look() {
	b.t.Helper()
	for range 2 { // a second look sees what the first wrote
		_, err := b.step(b.t.Context())
		require.NoError(b.t, err)
	}
}

func (b *mountedBench) bundle() []string {
	return labels(trusted(b.Registrations(b.t.Context())))
}

// set has somebody else write the caBundle.
func (b *mountedBench) set(bundle []byte) {
	var c admissionregistrationv1.MutatingWebhookConfiguration
	require.NoError(b.t, b.api.Get(b.t.Context(), client.ObjectKey{Name: "zz"}, &c))
	c.Webhooks[0].ClientConfig.CABundle = bundle
	require.NoError(b.t, b.api.Update(b.t.Context(), &c))
}

func TestAProvidedCAIsInjected(t *testing.T) {
	t.Parallel()
	a, next := newCA(t), newCA(t)
	b := newMountedBench(t, a, pem(a), true)
	b.look()
	assert.Equal(t, []string{label(a.Certificate)}, b.bundle())
	require.NoError(t, b.Ready())

	// Another pair of another CA: both are trusted from then on, and the new one
	// is served when API servers have had the time to see that.
	mount(t, b.dir, next, pem(next))
	require.NoError(t, b.Watcher.ReadCertificate())
	before := b.Served()
	b.look()
	assert.Equal(t, []string{label(next.Certificate), label(a.Certificate)}, b.bundle())
	assert.Equal(t, before, b.Served(), "API servers may not have it yet")
	b.clock.began = b.clock.began.Add(-mountedSettling)
	b.look()
	assert.NotEqual(t, before, b.Served())
	require.NoError(t, b.Ready())

	b.set(nil)
	b.look()
	assert.Equal(t, []string{label(next.Certificate)}, b.bundle(), "what was wiped is as the folder has it")
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, "ca.crt"), []byte("garbage"), 0o600))
	_, err := b.step(t.Context())
	require.ErrorContains(t, err, "ca.crt holds no certificates in PEM")
}

func TestWithoutAProvidedCATheBundleIsTheUsers(t *testing.T) {
	t.Parallel()
	a, other := newCA(t), newCA(t)
	b := newMountedBench(t, a, nil, true)
	b.look()
	assert.Empty(t, b.bundle())
	require.NoError(t, b.Ready(), "the API server goes by what its machine trusts")
	b.set(pem(other))
	b.look()
	require.ErrorContains(t, b.Ready(), "does not trust our certificate")
	b.set(pem(a))
	b.look()
	require.NoError(t, b.Ready())
}

func TestCertManagersBundleIsNotOurs(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	b := newMountedBench(t, a, pem(a), false)
	b.look()
	assert.Empty(t, b.bundle())
	require.Error(t, b.Ready(), "until cainjector has written it")
	b.set(pem(a))
	b.look()
	require.NoError(t, b.Ready())
}

func TestAPairForAnotherNameIsToldOf(t *testing.T) {
	t.Parallel()
	a := newCA(t)
	b := newMountedBench(t, a, pem(a), true)
	b.Registrations = func(context.Context) []Registration {
		r := registered("zz", pem(a))
		r.Entries[0].Host = "tcr-webhook.elsewhere.svc"
		return []Registration{r}
	}
	_, err := b.step(t.Context())
	require.NoError(t, err)
	require.ErrorContains(t, b.Ready(), "tcr-webhook.tcr-webhook.svc")
	require.ErrorContains(t, b.Ready(), "not tcr-webhook.elsewhere.svc")
}

func TestMerged(t *testing.T) {
	t.Parallel()
	own, former, expired := made(t, 0).Certificate, made(t, day).Certificate, made(t, 500*day).Certificate
	assert.Equal(t, labels([]*x509.Certificate{own, former}), labels(merged([]*x509.Certificate{own}, []*x509.Certificate{expired, former, own}, noon)))
	var many []*x509.Certificate
	for range 20 {
		many = append(many, made(t, 0).Certificate)
	}
	assert.Len(t, merged([]*x509.Certificate{own}, many, noon), 1+maxPrevious)
}
