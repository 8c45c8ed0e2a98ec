package integration

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// wipeable is an installation whose caBundle may be emptied.
var wipeable = chart.Values{"admissionPolicies": chart.Values{"guardCABundle": false}}

// certSystem is a system and who looks at its certificates.
type certSystem struct {
	*stack.Stack
	*author
	t *testing.T
}

func newCertSystem(t *testing.T, o stack.Options) certSystem {
	t.Helper()
	s := start(t, o)
	c := certSystem{s, newAuthor(t, s), t}
	c.namespace(t, "shop")
	return c
}

// bundle is the caBundle of the entry that most pods go through.
func (c certSystem) bundle() []byte {
	c.t.Helper()
	var config admissionregistrationv1.MutatingWebhookConfiguration
	require.NoError(c.t, c.Get(c.t.Context(), client.ObjectKey{Name: "zz-tcr-webhook"}, &config))
	return config.Webhooks[0].ClientConfig.CABundle
}

// wipe replaces every caBundle.
func (c certSystem) wipe(with []byte) {
	c.t.Helper()
	var mutating admissionregistrationv1.MutatingWebhookConfiguration
	require.NoError(c.t, c.Get(c.t.Context(), client.ObjectKey{Name: "zz-tcr-webhook"}, &mutating))
	for i := range mutating.Webhooks {
		mutating.Webhooks[i].ClientConfig.CABundle = with
	}
	require.NoError(c.t, c.Update(c.t.Context(), &mutating))
	var validating admissionregistrationv1.ValidatingWebhookConfiguration
	require.NoError(c.t, c.Get(c.t.Context(), client.ObjectKey{Name: "zz-tcr-webhook"}, &validating))
	for i := range validating.Webhooks {
		validating.Webhooks[i].ClientConfig.CABundle = with
	}
	require.NoError(c.t, c.Update(c.t.Context(), &validating))
}

// authorities reads the Secret; nil for none.
func (c certSystem) authorities() *corev1.Secret {
	var s corev1.Secret
	err := c.Get(c.t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook-ca"}, &s)
	require.NoError(c.t, client.IgnoreNotFound(err))
	if err != nil {
		return nil
	}
	return &s
}

// served tries to create a pod, which is not kept, as a person would.
func (c certSystem) served(ctx context.Context) error {
	pod := newPod("shop", "", publicImage)
	pod.GenerateName = "try-"
	if err := c.Create(ctx, pod); err != nil {
		return err
	}
	if images(pod)[0] != privateImage || len(pod.Spec.ImagePullSecrets) != 1 {
		return fmt.Errorf("the pod %s is as it was written", pod.Name)
	}
	return nil
}

// outage is how long nothing is served from now on, and the calls that failed
// meanwhile.
func (c certSystem) outage(limit time.Duration) (took time.Duration, failed int) {
	c.t.Helper()
	for began, good := time.Now(), 0; ; {
		switch err := c.served(c.t.Context()); {
		case err != nil:
			failed++
			good = 0
			require.Less(c.t, time.Since(began), limit, "%v", err)
		case good == 0:
			took = time.Since(began)
			good++
		default:
			if good++; good > 20 {
				if failed == 0 {
					took = 0
				}
				return took, failed
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func count(bundle []byte) (n int) {
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		n++
	}
	return n
}

// A caBundle that somebody wipes or breaks is back within a second, with and
// without a leader.
func TestAWipedBundleIsBackWithinASecond(t *testing.T) {
	t.Parallel()
	c := newCertSystem(t, stack.Options{Replicas: 2, Values: wipeable})
	require.NoError(t, c.served(t.Context()))
	whole := c.bundle()
	other, err := stack.NewCA()
	require.NoError(t, err)
	for what, with := range map[string][]byte{"emptied": nil, "of another CA": other, "of both": append(bytes.Clone(other), whole...)} {
		c.wipe(with)
		took, failed := c.outage(10 * time.Second)
		t.Logf("caBundle %s: %d calls failed, the last after %s", what, failed, took.Round(time.Millisecond))
		assert.Less(t, took, time.Second, what)
		eventually(t, "the caBundle as it was", func() bool { return bytes.Equal(whole, c.bundle()) })
	}
	leader, err := c.AwaitLeader(t.Context())
	require.NoError(t, err)
	leader.Kill()
	eventually(t, "the Service to notice", func() bool { return c.served(t.Context()) == nil })
	c.wipe(nil)
	took, failed := c.outage(10 * time.Second)
	t.Logf("caBundle emptied without a leader: %d calls failed, the last after %s", failed, took.Round(time.Millisecond))
	assert.Less(t, took, time.Second)
	require.NoError(t, leader.Restart(t.Context()))
	eventually(t, "an Event that says so", func() bool {
		var events corev1.EventList
		require.NoError(t, c.List(t.Context(), &events, client.InNamespace(stack.Namespace)))
		for _, e := range events.Items {
			if e.Reason == "WebhookConfigRepaired" {
				return true
			}
		}
		return false
	})
}

// A Secret that is deleted or damaged costs no call, and is whole again within
// five seconds.
func TestADamagedSecretIsMendedAndCostsNothing(t *testing.T) {
	t.Parallel()
	c := newCertSystem(t, stack.Options{Replicas: 2})
	made, lost := c.loop()
	damages := map[string]func(*corev1.Secret){
		"a broken CA":      func(s *corev1.Secret) { s.Data["current.crt"] = []byte("garbage") },
		"a broken key":     func(s *corev1.Secret) { s.Data["current.key"] = []byte("garbage") },
		"no key":           func(s *corev1.Secret) { delete(s.Data, "current.key") },
		"nothing":          func(s *corev1.Secret) { s.Data = nil },
		"blanks":           func(s *corev1.Secret) { s.Data["current.crt"], s.Data["current.key"] = nil, nil },
		"a broken history": func(s *corev1.Secret) { s.Data["previous.crt"] = []byte("garbage") },
		"another's name":   func(s *corev1.Secret) { s.Data["next.crt"] = s.Data["current.crt"] },
	}
	for what, damage := range damages {
		s := c.authorities()
		damage(s)
		require.NoError(t, c.Update(t.Context(), s))
		c.awaitWhole("a Secret with "+what, s.ResourceVersion)
		before := made.Load()
		eventually(t, "some calls", func() bool { return made.Load() > before+10 })
	}
	s := c.authorities()
	require.NoError(t, c.Delete(t.Context(), s))
	c.awaitWhole("a Secret that was deleted", s.ResourceVersion)
	calls, errs := lost()
	t.Logf("%d calls, %d lost while the Secret was damaged %d times", calls, len(errs), len(damages)+1)
	assert.Empty(t, errs)
	leaks, err := c.Leaks(t.Context(), "PRIVATE KEY", string(c.authorities().Data["current.key"]))
	require.NoError(t, err)
	assert.Empty(t, leaks, "outputs that hold a private key")
}

// awaitWhole waits until the Secret is as it should be, and so is the caBundle.
func (c certSystem) awaitWhole(what, after string) {
	c.t.Helper()
	began := time.Now()
	eventually(c.t, what, func() bool {
		s := c.authorities()
		if s == nil || s.ResourceVersion == after || len(s.Data["current.key"]) < 100 {
			return false
		}
		roots := x509.NewCertPool()
		return roots.AppendCertsFromPEM(s.Data["current.crt"]) && bytes.Contains(c.bundle(), bytes.TrimSpace(s.Data["current.crt"])) &&
			s.Data["next.crt"] == nil
	})
	assert.Less(c.t, time.Since(began), 5*time.Second, what)
	c.t.Logf("%s is mended after %s", what, time.Since(began).Round(10*time.Millisecond))
}

// loop creates pods, 20 a second, until it is asked what became of them.
func (c certSystem) loop() (made *atomic.Int64, end func() (calls int, errs []string)) {
	ctx, stop := context.WithCancel(c.t.Context())
	calls := new(atomic.Int64)
	var errs []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if err := c.served(c.t.Context()); err != nil {
				errs = append(errs, err.Error())
			}
			calls.Add(1)
			<-tick.C
		}
	}()
	return calls, func() (int, []string) {
		stop()
		<-done
		return int(calls.Load()), errs
	}
}

// CAs and certificates come and go while pods are created: none is refused, and
// none is left as it was.
func TestRotationsLoseNoPod(t *testing.T) {
	t.Parallel()
	rotations := 3
	c := newCertSystem(t, stack.Options{Replicas: 3, Flags: []string{"--ca-lifetime", "30s", "--leaf-lifetime", "10s"}})
	_, lost := c.loop()
	seen := map[string]bool{}
	most := 0
	for deadline := time.Now().Add(3 * time.Minute); len(seen) <= rotations; time.Sleep(200 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "%d CAs in three minutes", len(seen))
		if s := c.authorities(); s != nil {
			seen[string(s.Data["current.crt"])] = true
		}
		most = max(most, count(c.bundle()))
	}
	calls, errs := lost()
	t.Logf("%d rotations of the CA, at most %d CAs in a caBundle: %d calls, %d lost", len(seen)-1, most, calls, len(errs))
	assert.Empty(t, errs)
	assert.GreaterOrEqual(t, most, 2)
	assert.LessOrEqual(t, most, 3)
	var events corev1.EventList
	require.NoError(t, c.List(t.Context(), &events, client.InNamespace(stack.Namespace)))
	reasons := map[string]int{}
	for _, e := range events.Items {
		reasons[e.Reason]++
	}
	assert.NotZero(t, reasons["CertificateRotated"], reasons)
	assert.Zero(t, reasons["WebhookConfigRepaired"], "what nobody has broken")
}

// The first replica makes all there is, without registrations, and they are
// filled in as they come.
func TestAServerIsReadyBeforeItIsRegistered(t *testing.T) {
	t.Parallel()
	c := newCertSystem(t, stack.Options{})
	for _, o := range []client.Object{&admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}} {
		o.SetName("zz-tcr-webhook")
		require.NoError(t, c.Delete(t.Context(), o))
	}
	require.NoError(t, c.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: stack.Namespace, Name: "tcr-webhook-ca"}}))
	require.NoError(t, c.Server.Stop())
	require.NoError(t, c.Server.Restart(t.Context()), "ready without a registration")
	require.NotNil(t, c.authorities())
	require.NoError(t, c.Register(t.Context(), nil))
	took, failed := c.outage(5 * time.Second)
	t.Logf("after the registration: %d calls failed, the last after %s", failed, took)
}
