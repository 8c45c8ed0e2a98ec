//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// tokensExpire has the login that the first pods were pulled with end, and
// pulls an image that nobody has pulled before.
func (b *bed) tokensExpire(t *testing.T, first authn.AuthConfig) {
	t.Helper()
	eventually(t, "the end of a token", func() (bool, string) { return b.canPull(t, first) != nil, "it still opens the registry" })

	b.push(t, publicHost+"/team/fresh:1")
	pod := b.runOnce(t, "team-a", "after-the-token", publicHost+"/team/fresh:1", "print", "/name")
	assert.Equal(t, publicHost+"/team/fresh:1\n", b.succeeded(t, pod))
	assert.Equal(t, int32(0), pod.Status.ContainerStatuses[0].RestartCount)
	// Tokens live for less than a minute, and both replicas have just crashed:
	// whoever leads next may find one at its end.
	eventually(t, "a login that works", func() (bool, string) {
		fresh := b.login(t, "team-a")
		return fresh != first && b.canPull(t, fresh) == nil, "the one in the Secret does not open the registry"
	})
	t.Logf("%d tokens were asked for so far", len(b.cloud.Calls("CreateInstanceToken")))
}

// login is that of a namespace's pull Secret for the private host.
func (b *bed) login(t *testing.T, namespace string) authn.AuthConfig {
	t.Helper()
	var secret corev1.Secret
	require.NoError(t, b.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: pullSecret}, &secret))
	var config struct {
		Auths map[string]authn.AuthConfig `json:"auths"`
	}
	require.NoError(t, json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &config))
	return config.Auths[privateHost]
}

// canPull is nil if a login opens the registry now.
func (b *bed) canPull(t *testing.T, login authn.AuthConfig) error {
	t.Helper()
	ref, err := name.ParseReference(dataImage) // not the one whose pulls are counted
	require.NoError(t, err)
	_, err = remote.Head(ref, remote.WithContext(t.Context()), remote.WithTransport(b.cloud.Transport()), remote.WithAuth(authn.FromConfig(login)))
	return err
}

// cachedImages are on the node for everybody, and yet the kubelet asks who may
// have them (KEP-2535). A Secret that was renewed is known as the same one.
func (b *bed) cachedImages(t *testing.T) {
	t.Helper()
	cached := privateHost + "/team/app:1"
	b.namespace(t, "no-rights", nil)
	denied := b.pause(t, "no-rights", "denied", cached)
	assert.Empty(t, denied.Spec.ImagePullSecrets)
	eventually(t, "the refusal", func() (bool, string) {
		reason, message := b.waiting(t, denied)
		return reason == "ErrImagePull" || reason == "ImagePullBackOff", reason + " " + message
	})

	before := b.logins.of("team/app")
	ours := b.pause(t, "team-a", "allowed", appImage)
	b.running(t, ours)
	assert.Equal(t, before, b.logins.of("team/app"), "the image was pulled again after a renewal")
	t.Logf("%d logins for the image in all, and %d tokens", before, len(b.cloud.Calls("CreateInstanceToken")))
}

// pause makes a pod of an image that the node may already have.
func (b *bed) pause(t *testing.T, namespace, name, image string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image, ImagePullPolicy: corev1.PullIfNotPresent}}},
	}
	require.NoError(t, b.client.Create(t.Context(), pod))
	return pod
}

// waiting is why a pod's container does not run.
func (b *bed) waiting(t *testing.T, pod *corev1.Pod) (reason, message string) {
	t.Helper()
	require.NoError(t, b.client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod))
	if s := pod.Status.ContainerStatuses; len(s) > 0 && s[0].State.Waiting != nil {
		return s[0].State.Waiting.Reason, s[0].State.Waiting.Message
	}
	return "", fmt.Sprintf("%+v", pod.Status)
}

// running waits until a pod runs.
func (b *bed) running(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	eventually(t, "pod "+pod.Name, func() (bool, string) {
		err := b.client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod)
		return err == nil && pod.Status.Phase == corev1.PodRunning, fmt.Sprintf("%v %s\n%s", err, pod.Status.Phase, b.state(t, pod.Namespace))
	})
}
