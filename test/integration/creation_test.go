package integration

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// A replica that has not seen yet that another has made the Secret applies what
// it would have made. That creates, and does not overwrite.
func TestASecondCreationOverwritesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	apply := func(namespace string) error {
		return s.Client.Apply(t.Context(), corev1ac.Secret("tcr-pull", namespace).
			WithType(corev1.SecretTypeDockerConfigJson).
			WithResourceVersion("9223372036854775807"). // credentials.noVersion
			WithData(map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{}}`)}), client.FieldOwner(credentials.FieldManager))
	}
	a.namespace(t, "made")
	a.pod(t, "made", "first", stack.PublicHost+"/team/app:1")
	before := a.secret(t, "made")

	err := apply("made")
	assert.True(t, apierrors.IsConflict(err), "%v", err)
	assert.False(t, apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict), "as of a foreign Secret: %v", err)
	assert.Empty(t, cmp.Diff(before.Data, a.secret(t, "made").Data))

	a.namespace(t, "no-tcr")
	require.NoError(t, apply("no-tcr"))
	assert.JSONEq(t, `{"auths":{}}`, string(a.secret(t, "no-tcr").Data[corev1.DockerConfigJsonKey]))
}
