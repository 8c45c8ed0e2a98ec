package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// deliverConfig serves a second instance in one namespace alone.
const deliverConfig = stack.DefaultConfig + `- instance: tcr-other001
  hosts: {public: other.tencentcloudcr.com}
  namespaces: [elsewhere]
`

func namespaceThatNames(name, deliver string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"tcr-webhook.io/deliver": deliver}}}
}

// secretWithin waits for a namespace's pull Secret and tells how long it took.
func (a *author) secretWithin(t *testing.T, namespace string, most time.Duration) time.Duration {
	t.Helper()
	begun := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for a.secret(t, namespace) == nil {
		require.Less(t, time.Since(begun), most, "the Secret of %s is late", namespace)
		<-tick.C
	}
	return time.Since(begun)
}

func TestANamespaceAsksForItsSecret(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Config: deliverConfig})
	a := newAuthor(t, s)
	eventually(t, "a token", func() bool { return counted(t, s, "tcr_webhook_token_expiry_timestamp_seconds") > 0 })

	wrong := namespaceThatNames("shop", "tcr-other001, tcr-m3ut3qxx")
	for _, opts := range [][]client.CreateOption{{client.DryRunAll}, nil} {
		err := a.Create(t.Context(), wrong.DeepCopy(), opts...)
		require.True(t, apierrors.IsForbidden(err), "%v", err)
		assert.Contains(t, err.Error(), `names "tcr-other001": namespace "shop" may name tcr-m3ut3qxx`)
	}

	require.NoError(t, a.Create(t.Context(), namespaceThatNames("dry", stack.InstanceID), client.DryRunAll))
	shop := namespaceThatNames("shop", stack.InstanceID)
	require.NoError(t, a.Create(t.Context(), shop))
	t.Logf("the Secret of a new namespace was there %s after its creation", a.secretWithin(t, "shop", 2*time.Second))

	shop.Annotations["tcr-webhook.io/deliver"] = "typo"
	err := a.Update(t.Context(), shop.DeepCopy())
	assert.True(t, apierrors.IsForbidden(err), "%v", err)

	later := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "later"}}
	require.NoError(t, a.Create(t.Context(), later))
	assert.Nil(t, a.secret(t, "later"), "a namespace that asks for nothing")
	later.Annotations = map[string]string{"tcr-webhook.io/deliver": stack.InstanceID}
	require.NoError(t, a.Update(t.Context(), later))
	a.secretWithin(t, "later", 2*time.Second)

	assert.Empty(t, a.taken())
}

// A namespace that was annotated while nobody listened is served all the same,
// and one that names what it may not have can still be changed otherwise.
func TestANamespaceAsksWhileNobodyListens(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Config: deliverConfig})
	a := newAuthor(t, s)
	require.NoError(t, s.Server.Stop()) // which gives the lease away
	require.NoError(t, a.Create(t.Context(), namespaceThatNames("right", stack.InstanceID)))
	wrong := namespaceThatNames("wrong", "tcr-other001")
	require.NoError(t, a.Create(t.Context(), wrong))
	require.NoError(t, s.Server.Restart(t.Context()))

	eventually(t, "the Secret", func() bool { return a.secret(t, "right") != nil })
	wrong.Labels["a"] = "b"
	require.NoError(t, a.Update(t.Context(), wrong))
	assert.Nil(t, a.secret(t, "wrong"))
}

// A new namespace has its Secret milliseconds after its creation. This is
// measured here and bounded far above, since the machine has other work.
func TestEveryNamespaceGetsItsSecretAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Config: stack.DefaultConfig + "  delivery: EveryNamespace\n"})
	a := newAuthor(t, s)
	eventually(t, "the token", func() bool { return a.secret(t, "default") != nil })
	require.NoError(t, a.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "dry"}}, client.DryRunAll))
	for _, name := range []string{"one", "two", "three", "four", "five"} {
		a.namespace(t, name)
		t.Logf("the Secret of namespace %s was there %s after its creation", name, a.secretWithin(t, name, 2*time.Second))
	}
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "made-"}}
	require.NoError(t, a.Create(t.Context(), made))
	a.secretWithin(t, made.Name, 2*time.Second)

	assert.Equal(t, 7, counted(t, s, `tcr_webhook_admissions_total{result="delivering",webhook="namespaces"}`))
}

// The cluster of the tests lacks the controller that makes ServiceAccounts, and
// the plugin that would refuse the pod.
func TestMountableSecretsAreEnforced(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	builder := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "builder", Annotations: map[string]string{"kubernetes.io/enforce-mountable-secrets": "true"},
	}}
	require.NoError(t, a.Create(t.Context(), builder))
	create := func(secrets ...corev1.LocalObjectReference) *corev1.Pod {
		pod := newPod("shop", "", publicImage)
		pod.GenerateName, pod.Spec.ServiceAccountName, pod.Spec.ImagePullSecrets = "hello-", "builder", secrets
		require.NoError(t, a.Create(t.Context(), pod))
		return pod
	}
	eventually(t, "the ServiceAccount to be known", func() bool { return len(create().Spec.ImagePullSecrets) == 0 })
	_ = a.taken()

	own := []corev1.LocalObjectReference{{Name: "own"}}
	pod := create(own...)
	assert.Equal(t, own, pod.Spec.ImagePullSecrets)
	assert.Equal(t, []string{publicImage}, images(pod), "its own login is for the host as written")
	assert.Contains(t, a.taken(), `list "tcr-pull" in imagePullSecrets of ServiceAccount "builder"`)

	pod = create(pullSecrets...)
	assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets)
	assert.Equal(t, []string{privateImage}, images(pod))
	assert.Empty(t, a.taken())

	builder.Annotations = nil
	require.NoError(t, a.Update(t.Context(), builder))
	eventually(t, "the change to be known", func() bool { return len(create().Spec.ImagePullSecrets) == 1 })
}
