package reviews

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
)

func TestUsualReviewsAreWhatTheyAreCalled(t *testing.T) {
	t.Parallel()
	length := map[string]int{"2k": 2000, "6k": 6000, "60k": 60000}
	for _, size := range Sizes() {
		t.Run(size.Name, func(t *testing.T) {
			t.Parallel()
			body, err := Usual(size.Name)
			require.NoError(t, err)
			assert.InEpsilon(t, length[size.Name], len(body), 0.1)
			var review admissionv1.AdmissionReview
			require.NoError(t, json.Unmarshal(body, &review))
			var pod corev1.Pod
			require.NoError(t, json.Unmarshal(review.Request.Object.Raw, &pod))
			assert.NotEmpty(t, pod.ManagedFields, "an API server sends them")
			assert.Equal(t, Namespace, review.Request.Namespace)
			made := size.Pod()
			require.Len(t, pod.Spec.Containers, len(made.Spec.Containers), "record the reviews anew: --record")
			for i, c := range made.Spec.Containers {
				assert.Equal(t, c.Image, pod.Spec.Containers[i].Image)
				assert.Len(t, pod.Spec.Containers[i].Env, len(c.Env))
			}
		})
	}
}

func TestHostileReviewsAreAsLargeAsTheyClaim(t *testing.T) {
	t.Parallel()
	const mostOfTheAPIServer, mostOfThePort = 3 << 20, 7 << 20
	for _, h := range HostileCorpus() {
		assert.True(t, json.Valid(h.Body), h.Name)
		assert.Equal(t, h.Accepted, len(h.Body) < mostOfTheAPIServer, h.Name)
		assert.Less(t, len(h.Body), mostOfThePort, h.Name)
	}
}
