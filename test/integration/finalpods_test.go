package integration

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// A pod that names the pull secret in the end is not asked about a second time:
// that would be half of all calls.
func TestAPodWithItsPullSecretIsAskedAboutOnce(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	first, final := answered(t, s, "pods"), answered(t, s, "final-pods")

	require.NoError(t, a.Create(t.Context(), newPod("shop", "plain", publicImage)))
	own := newPod("shop", "with-others", publicImage)
	own.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "own"}}
	require.NoError(t, a.Create(t.Context(), own))

	assert.Equal(t, 2, answered(t, s, "pods")-first)
	assert.Equal(t, final, answered(t, s, "final-pods"), "calls about pods that have their pull secret")
}

// answered is how often a webhook has answered.
func answered(t *testing.T, s *stack.Stack, webhook string) (n int) {
	t.Helper()
	for _, result := range []string{"patched", "unchanged", "skipped", "warned", "denied"} {
		n += counted(t, s, `tcr_webhook_admissions_total{result="`+result+`",webhook="`+webhook+`"}`)
	}
	return n
}
