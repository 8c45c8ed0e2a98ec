package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// secretRights is all that the installation may do with Secrets, as namespace/name
// to verbs; "" is all namespaces, or any name.
var secretRights = map[string]string{
	"shop/tcr-pull":                  "get list watch create patch delete",
	"/tcr-pull":                      "get list watch create patch delete",
	"tcr-webhook/tcr-pull":           "get list watch create patch delete", // which no path ever does
	"tcr-webhook/tcr-webhook-tokens": "get list watch create patch",
	"tcr-webhook/tcr-webhook-ca":     "get list watch create patch",
}

// Every verb on every kind of Secret is asked of the API server's own
// authorizer, and only what is listed is allowed.
func TestRightsOnSecretsAreThoseOfThreeNames(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	k, err := kubernetes.NewForConfig(s.Cluster.Config())
	require.NoError(t, err)
	for _, namespace := range []string{"", "shop", stack.Namespace, "kube-system"} {
		for _, name := range []string{"", "tcr-pull", "tcr-webhook-tokens", "tcr-webhook-ca", "tcr-webhook-tls", "tcr-webhook-credentials", "app-password"} {
			for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "*"} {
				review, err := k.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{
					Spec: authorizationv1.SubjectAccessReviewSpec{
						User:   "system:serviceaccount:" + stack.Namespace + ":tcr-webhook",
						Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + stack.Namespace, "system:authenticated"},
						ResourceAttributes: &authorizationv1.ResourceAttributes{
							Namespace: namespace, Name: name, Verb: verb, Version: "v1", Resource: "secrets",
						},
					},
				}, metav1.CreateOptions{})
				require.NoError(t, err)
				key := namespace + "/" + name
				if namespace == "kube-system" { // as any other
					key = "shop/" + name
				}
				want := strings.Contains(" "+secretRights[key]+" ", " "+verb+" ")
				assert.Equal(t, want, review.Status.Allowed, "%s of secret %q in namespace %q", verb, name, namespace)
			}
		}
	}
}

// Each path that writes or removes a Secret is walked with the rights of
// deploy/install.yaml, and the audit has no refusal.
func TestEveryPathWorksWithTheShippedRights(t *testing.T) {
	t.Parallel()
	const life = 10 * time.Second
	s := start(t, stack.Options{Audit: true, Prepare: func(c *tencent.Cloud) { c.SetTokenLifetime(life) }})
	l := watched(t, s)
	a := newAuthor(t, s)
	created := func(namespace string) {
		a.namespace(t, namespace)
		a.pod(t, namespace, "hello", publicImage)
		eventually(t, "a Secret in "+namespace, func() bool { return a.secret(t, namespace) != nil })
	}
	changed := func(namespace string, other func(now *corev1.Secret) bool) {
		eventually(t, "a change in "+namespace, func() bool {
			now := a.secret(t, namespace)
			return now != nil && other(now)
		})
	}
	for _, namespace := range []string{"renewed", "edited", "deleted", "fixed", "gone-1"} {
		created(namespace)
	}
	edited := a.secret(t, "edited")
	edited.Data[corev1.DockerConfigJsonKey] = []byte(evilLogins)
	require.NoError(t, a.Update(t.Context(), edited))
	changed("edited", func(now *corev1.Secret) bool { return string(now.Data[corev1.DockerConfigJsonKey]) != evilLogins })

	deleted := a.secret(t, "deleted")
	require.NoError(t, a.Delete(t.Context(), deleted))
	changed("deleted", func(now *corev1.Secret) bool { return now.UID != deleted.UID })

	fixed := a.secret(t, "fixed")
	fixed.Immutable = new(true)
	require.NoError(t, a.Update(t.Context(), fixed))
	changed("fixed", func(now *corev1.Secret) bool { return now.UID != fixed.UID })

	before := len(l.History()["renewed"])
	eventually(t, "a renewal", func() bool { return len(l.History()["renewed"]) > before })

	require.NoError(t, s.WriteConfig(addedHost)) // which deselects gone-*
	changed("renewed", func(now *corev1.Secret) bool {
		return strings.Contains(string(now.Data[corev1.DockerConfigJsonKey]), "r.example.com")
	})
	eventually(t, "the Secret of a deselected namespace to be removed", func() bool { return a.secret(t, "gone-1") == nil })

	require.NoError(t, s.Server.Stop())
	require.NoError(t, s.Server.Restart(t.Context()))
	created("later")

	denied, err := s.Denied()
	require.NoError(t, err)
	assert.Empty(t, denied, "refused to our ServiceAccount")
	touched, err := s.Touched("secrets")
	require.NoError(t, err)
	for _, name := range touched {
		assert.Contains(t, []string{"tcr-pull", "tcr-webhook-tokens", "tcr-webhook-ca"}, name, "of %v", touched)
	}
	leaks, err := s.Leaks(t.Context(), marker)
	require.NoError(t, err)
	assert.Empty(t, leaks, "outputs that hold a login")
}
