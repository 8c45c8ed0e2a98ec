package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// foreignSecrets are of every type, as their owners write them.
func foreignSecrets() map[string]*corev1.Secret {
	of := func(t corev1.SecretType, data map[string]string) *corev1.Secret {
		return &corev1.Secret{Type: t, StringData: data}
	}
	login := `{"auths":{"r.example.com":{"username":"me","password":"mine"}}}`
	all := map[string]*corev1.Secret{
		"opaque":           of(corev1.SecretTypeOpaque, map[string]string{"x": "y"}),
		"dockerconfigjson": of(corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: login}),
		"dockercfg":        of(corev1.SecretTypeDockercfg, map[string]string{corev1.DockerConfigKey: "{}"}),
		"basic-auth":       of(corev1.SecretTypeBasicAuth, map[string]string{corev1.BasicAuthUsernameKey: "me"}),
		"ssh-auth":         of(corev1.SecretTypeSSHAuth, map[string]string{corev1.SSHAuthPrivateKey: "x"}),
		"tls":              of(corev1.SecretTypeTLS, map[string]string{corev1.TLSCertKey: "", corev1.TLSPrivateKeyKey: ""}),
		"service-account":  of(corev1.SecretTypeServiceAccountToken, nil),
		"bootstrap-token":  of(corev1.SecretTypeBootstrapToken, map[string]string{"x": "y"}),
		"of-ones-own":      of("example.com/login", map[string]string{"x": "y"}),
		"immutable":        of(corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: login}),
		"of-helm":          of(corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: login}),
		"with-our-notes":   of(corev1.SecretTypeDockerConfigJson, map[string]string{corev1.DockerConfigJsonKey: login}),
	}
	all["service-account"].Annotations = map[string]string{corev1.ServiceAccountNameKey: "default"}
	all["immutable"].Immutable = new(true)
	all["of-helm"].Labels = map[string]string{managedBy: "Helm"}
	all["with-our-notes"].Annotations = map[string]string{expiresAt: "2020-01-01T00:00:00Z", loginsHeld: "{}", contentDigest: "0"}
	return all
}

// Somebody else's Secret of our name is never touched, whatever it is and
// whether or not the API server knows who wrote it.
func TestForeignSecretsOfEveryTypeAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	theirs := map[string]string{}
	for kind, secret := range foreignSecrets() {
		for _, managed := range []bool{true, false} {
			namespace := kind
			if !managed {
				namespace += "-unmanaged"
			}
			a.namespace(t, namespace)
			require.NoError(t, a.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}}))
			mine := secret.DeepCopy()
			mine.Namespace, mine.Name = namespace, "tcr-pull"
			require.NoError(t, a.Create(t.Context(), mine), namespace)
			if !managed {
				mine.ManagedFields = []metav1.ManagedFieldsEntry{{}} // which is how they are reset
				require.NoError(t, a.Update(t.Context(), mine), namespace)
				require.Empty(t, a.secret(t, namespace).ManagedFields)
			}
			theirs[namespace] = a.secret(t, namespace).ResourceVersion
		}
	}
	for namespace := range theirs {
		eventually(t, "a warning in "+namespace, func() bool {
			pod := newPod(namespace, "", publicImage)
			pod.GenerateName = "hello-"
			require.NoError(t, a.Create(t.Context(), pod))
			assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets)
			return strings.Contains(a.taken(), "was not made by tcr-webhook")
		})
	}
	// Something that calls for another look at every namespace.
	require.NoError(t, s.WriteConfig(strings.Replace(stack.DefaultConfig, "route: Private", "route: Private\n  hosts: {public: "+
		stack.PublicHost+", private: "+stack.PrivateHost+", custom: [r.example.com]}", 1)))
	a.namespace(t, "ours")
	a.pod(t, "ours", "hello", publicImage)
	eventually(t, "the change to be in force", func() bool {
		ours := a.secret(t, "ours")
		return ours != nil && strings.Contains(string(ours.Data[corev1.DockerConfigJsonKey]), "r.example.com")
	})
	time.Sleep(3 * time.Second)
	for namespace, version := range theirs {
		now := a.secret(t, namespace)
		if assert.NotNil(t, now, namespace) {
			assert.Equal(t, version, now.ResourceVersion, "the Secret of %s was touched", namespace)
		}
	}
}
