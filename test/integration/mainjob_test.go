package integration

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

func TestMainJob(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	digest, err := s.Cloud.Push(t.Context(), publicImage)
	require.NoError(t, err)
	a.namespace(t, "shop")

	pod := a.pod(t, "shop", "hello", publicImage)
	assert.Equal(t, []string{privateImage}, images(pod))
	assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets)
	assert.Empty(t, a.taken(), "nothing calls for a warning")

	secret := a.secret(t, "shop")
	require.NotNil(t, secret, "the pod was admitted before its Secret was there")
	for _, image := range []string{privateImage, publicImage} {
		got, err := s.Pull(t.Context(), image, secret)
		require.NoError(t, err)
		assert.Equal(t, digest, got)
	}
	_, err = s.Pull(t.Context(), privateImage, nil)
	var refused *transport.Error
	require.ErrorAs(t, err, &refused, "a pull without the Secret")
	assert.Equal(t, http.StatusUnauthorized, refused.StatusCode)
}

func TestEveryImageSite(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	pod := newPod("shop", "all", publicImage, "nginx:1.27", privateImage)
	pod.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "DEMO.tencentcloudcr.com:443/team/init"}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: stack.PublicHost + "/team/data:1"}}}}
	pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "mine"}}
	require.NoError(t, a.Create(t.Context(), pod))

	assert.Equal(t, []string{privateImage, "nginx:1.27", privateImage}, images(pod))
	assert.Equal(t, stack.PrivateHost+"/team/init", pod.Spec.InitContainers[0].Image)
	assert.Equal(t, stack.PrivateHost+"/team/data:1", pod.Spec.Volumes[0].Image.Reference)
	assert.Equal(t, append([]corev1.LocalObjectReference{{Name: "mine"}}, pullSecrets...), pod.Spec.ImagePullSecrets)

	pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: publicImage}}}
	require.NoError(t, a.SubResource("ephemeralcontainers").Update(t.Context(), pod))
	assert.Equal(t, privateImage, pod.Spec.EphemeralContainers[0].Image)

	pod.Spec.Containers[1].Image = stack.PublicHost + "/team/other:2"
	require.NoError(t, a.Update(t.Context(), pod))
	assert.Equal(t, stack.PrivateHost+"/team/other:2", pod.Spec.Containers[1].Image, "an image changed by an update")
}

func TestPodsThatAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	plain := newPod("shop", "plain", "nginx")
	optedOut := newPod("shop", "opted-out", publicImage)
	optedOut.Labels = map[string]string{"tcr-webhook.io/inject": "disabled"}
	evil := newPod("shop", "evil", stack.PublicHost+".evil.io/team/hello:1")
	for _, pod := range []*corev1.Pod{plain, optedOut, evil} {
		written := images(pod)
		require.NoError(t, a.Create(t.Context(), pod))
		assert.Equal(t, written, images(pod), pod.Name)
		assert.Empty(t, pod.Spec.ImagePullSecrets, pod.Name)
	}
	assert.Nil(t, a.secret(t, "shop"), "a Secret that nobody asked for")

	a.namespace(t, "no-tcr")
	a.pod(t, "no-tcr", "deselected", publicImage)
	assert.Contains(t, a.taken(), "no-tcr")
	a.pod(t, "shop", "typo", "dmeo.tencentcloudcr.com/team/hello:1")
	assert.Contains(t, a.taken(), "dmeo.tencentcloudcr.com")
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	pod := newPod("shop", "hello", publicImage)
	require.NoError(t, a.Create(t.Context(), pod, client.DryRunAll))
	assert.Equal(t, []string{privateImage}, images(pod))
	assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets)
	assert.Nil(t, a.secret(t, "shop"))
}

// 200 pods at once in 50 new namespaces: every one is changed, and each
// namespace has its Secret before its first pod, by the API server's own order.
//
// It runs alone, and the grace is as long as it may be: the API server, its
// etcd and 200 authors share what cores there are.
func TestManyFirstPodsAtOnce(t *testing.T) { //nolint:paralleltest // see above
	const namespaces, podsEach = 50, 4
	s := start(t, stack.Options{Config: stack.DefaultConfig + "firstPodGrace: 2s\n"})
	a := newAuthor(t, s)
	pods := make([]*corev1.Pod, namespaces*podsEach)
	var group errgroup.Group
	for n := range namespaces {
		group.Go(func() error {
			name := fmt.Sprintf("team-%d", n)
			if err := a.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
				return err
			}
			var each errgroup.Group
			for p := range podsEach {
				pod := newPod(name, "", publicImage)
				pod.GenerateName = "hello-"
				pods[n*podsEach+p] = pod
				each.Go(func() error { return a.Create(t.Context(), pod) })
			}
			return each.Wait()
		})
	}
	require.NoError(t, group.Wait())

	// A machine that stands still for the whole of the grace has a pod warned of,
	// though its Secret comes first all the same.
	for warning := range strings.Lines(a.taken()) {
		assert.Contains(t, warning, "pull secret tcr-pull is still being written")
	}
	for _, pod := range pods {
		// A Secret that was never changed has the revision of its creation.
		assert.Equal(t, []string{privateImage}, images(pod))
		assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets)
		secret := a.secret(t, pod.Namespace)
		require.NotNil(t, secret, pod.Namespace)
		assert.Less(t, revision(t, secret.ResourceVersion), revision(t, pod.ResourceVersion), "pod %s/%s came before its Secret", pod.Namespace, pod.Name)
	}
	assert.Len(t, s.Cloud.Calls("CreateInstanceToken"), 1)
}

// revision is etcd's, which counts the writes of all objects.
func revision(t *testing.T, version string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(version, 10, 64)
	require.NoError(t, err)
	return n
}

func TestTheServerMayTouchNoOtherSecret(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	config, err := s.Cluster.UserConfig("system:serviceaccount:"+stack.Namespace+":tcr-webhook", "system:serviceaccounts")
	require.NoError(t, err)
	us, err := client.New(config, client.Options{})
	require.NoError(t, err)
	other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "other"}}
	require.NoError(t, s.Client.Create(t.Context(), other.DeepCopy()))

	assert.True(t, apierrors.IsForbidden(us.Get(t.Context(), client.ObjectKeyFromObject(other), other)))
	assert.True(t, apierrors.IsForbidden(us.List(t.Context(), &corev1.SecretList{})))
	assert.True(t, apierrors.IsForbidden(us.Delete(t.Context(), other)))
	assert.True(t, apierrors.IsForbidden(us.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "fresh"}})))
}
