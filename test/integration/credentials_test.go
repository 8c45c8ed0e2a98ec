package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// Tokens of ten seconds, for forty: a pull works at every moment, and the
// Secret is changed in place.
func TestTheSecretNeverRunsDry(t *testing.T) {
	t.Parallel()
	const life, span = 10 * time.Second, 40 * time.Second
	s := start(t, stack.Options{Prepare: func(c *tencent.Cloud) { c.SetTokenLifetime(life) }})
	a := newAuthor(t, s)
	_, err := s.Cloud.Push(t.Context(), publicImage)
	require.NoError(t, err)
	a.namespace(t, "shop")
	a.pod(t, "shop", "hello", publicImage)

	first := a.secret(t, "shop")
	require.NotNil(t, first)
	versions := map[string]struct{}{}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(span); time.Now().Before(end); <-tick.C {
		secret := a.secret(t, "shop")
		require.NotNil(t, secret)
		require.Equal(t, first.UID, secret.UID)
		versions[secret.ResourceVersion] = struct{}{}
		_, err := s.Pull(t.Context(), privateImage, secret)
		require.NoError(t, err)
	}
	renewals := len(versions) - 1
	assert.GreaterOrEqual(t, renewals, 4, "each login is replaced before four fifths of its life")
	assert.LessOrEqual(t, len(s.Cloud.Calls("CreateInstanceToken")), 10)
}

func TestWhatTheAPIDoesWrong(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault tencent.Fault
		says  string
	}{
		"hangs":     {tencent.Fault{Hang: true}, "no login for tcr-m3ut3qxx yet"},
		"throttles": {tencent.Fault{Code: "RequestLimitExceeded", Message: marker}, "Tencent Cloud throttles"},
		"is HTML":   {tencent.Fault{Status: 502, Body: "<html>" + marker + "</html>", ContentType: "text/html"}, "does not answer as it should"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, stack.Options{Prepare: func(c *tencent.Cloud) { c.SetFault("CreateInstanceToken", tt.fault) }})
			a := newAuthor(t, s)
			a.namespace(t, "shop")
			var pod *corev1.Pod
			eventually(t, "the first call to fail", func() bool { return len(s.Cloud.Calls("CreateInstanceToken")) > 0 })
			eventually(t, "a warning that says why", func() bool {
				begun := time.Now()
				pod = newPod("shop", "", publicImage)
				pod.GenerateName = "hello-"
				require.NoError(t, a.Create(t.Context(), pod))
				assert.Less(t, time.Since(begun), time.Second, "the pod was held up")
				warnings := a.taken()
				require.Contains(t, warnings, "tcr-pull")
				return strings.Contains(warnings, tt.says)
			})
			assert.Equal(t, []string{privateImage}, images(pod))
			assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets)
			assert.Nil(t, a.secret(t, "shop"))

			s.Cloud.ClearFaults()
			eventually(t, "the Secret to arrive by itself", func() bool { return a.secret(t, "shop") != nil })
			a.pod(t, "shop", "later", publicImage)
			assert.Empty(t, a.taken())
		})
	}
}

// With every action hung from the start not even the hosts are known. Pods are
// admitted as written, with the login that follows.
func TestStartWithoutTheAPI(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Prepare: func(c *tencent.Cloud) { c.SetFault("*", tencent.Fault{Hang: true}) }})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	pod := a.pod(t, "shop", "hello", publicImage)
	assert.Equal(t, []string{publicImage}, images(pod))
	assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets)
	assert.Contains(t, a.taken(), "tcr-m3ut3qxx")

	s.Cloud.ClearFaults()
	eventually(t, "the Secret to arrive by itself", func() bool { return a.secret(t, "shop") != nil })
	eventually(t, "images to be rewritten", func() bool {
		pod := newPod("shop", "", publicImage)
		pod.GenerateName = "hello-"
		require.NoError(t, a.Create(t.Context(), pod))
		return images(pod)[0] == privateImage
	})
}

func TestTheSecretIsRepaired(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	a.pod(t, "shop", "hello", publicImage)
	good := a.secret(t, "shop")
	require.NotNil(t, good)
	usable := func() bool {
		now := a.secret(t, "shop")
		return now != nil && string(now.Data[corev1.DockerConfigJsonKey]) == string(good.Data[corev1.DockerConfigJsonKey]) &&
			now.Labels["app.kubernetes.io/managed-by"] == "tcr-webhook"
	}

	edited := good.DeepCopy()
	edited.Data[corev1.DockerConfigJsonKey] = []byte(`{"auths":{}}`)
	edited.Labels = nil
	require.NoError(t, a.Update(t.Context(), edited))
	eventually(t, "an edited Secret to be repaired", usable)
	assert.Equal(t, good.UID, a.secret(t, "shop").UID, "it was not changed in place")

	require.NoError(t, a.Delete(t.Context(), good.DeepCopy()))
	eventually(t, "a deleted Secret to come back", usable)

	fixed := a.secret(t, "shop")
	yes := true
	fixed.Immutable = &yes
	require.NoError(t, a.Update(t.Context(), fixed))
	eventually(t, "an immutable Secret to be replaced", func() bool {
		now := a.secret(t, "shop")
		return usable() && now != nil && now.Immutable == nil
	})
}

func TestAForeignSecretIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	foreign := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "tcr-pull"},
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{"r.example.com":{"username":"me","password":"mine"}}}`)},
	}
	require.NoError(t, a.Create(t.Context(), foreign))
	eventually(t, "a warning", func() bool {
		pod := newPod("shop", "", publicImage)
		pod.GenerateName = "hello-"
		require.NoError(t, a.Create(t.Context(), pod))
		return strings.Contains(a.taken(), "was not made by tcr-webhook")
	})
	assert.Equal(t, foreign.ResourceVersion, a.secret(t, "shop").ResourceVersion, "somebody else's Secret was changed")
}

func TestACrashLosesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	a.pod(t, "shop", "hello", publicImage)
	before := a.secret(t, "shop")
	require.NotNil(t, before)

	s.Server.Kill()
	require.NoError(t, s.Server.Restart(t.Context()))
	a.pod(t, "shop", "again", publicImage)
	assert.Empty(t, a.taken())
	assert.Equal(t, before.ResourceVersion, a.secret(t, "shop").ResourceVersion, "a Secret that was good was written again")
}
