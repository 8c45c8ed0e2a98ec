package contender_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

func outcome(t *testing.T, name string, review []byte) []byte {
	t.Helper()
	c, err := contender.Named(name)
	require.NoError(t, err)
	handler, err := c.New()
	require.NoError(t, err)
	object, err := contender.Outcome(handler, review)
	require.NoError(t, err)
	return object
}

func TestContendersDoTheSameOrNothing(t *testing.T) {
	t.Parallel()
	for _, size := range reviews.Sizes() {
		review, err := reviews.Usual(size.Name)
		require.NoError(t, err)
		ours := outcome(t, contender.Ours, review)
		for _, c := range contender.All() {
			t.Run(c.Name+" at "+size.Name, func(t *testing.T) {
				t.Parallel()
				want := ours
				if !c.Mutates {
					want = objectOf(t, review)
				}
				assert.NoError(t, contender.Same(want, outcome(t, c.Name, review)))
			})
		}
		t.Run("ours does the job at "+size.Name, func(t *testing.T) {
			t.Parallel()
			var pod corev1.Pod
			require.NoError(t, json.Unmarshal(ours, &pod))
			assert.Contains(t, pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: contender.PullSecret})
			private := 0
			for _, c := range pod.Spec.Containers {
				if len(c.Image) > len(contender.PrivateHost) && c.Image[:len(contender.PrivateHost)] == contender.PrivateHost {
					private++
				}
			}
			assert.Equal(t, min(3, len(pod.Spec.Containers)), private)
		})
	}
}

func TestWhoeverForgetsSomethingIsDisqualified(t *testing.T) {
	t.Parallel()
	const before = `{"spec":{"containers":[{"name":"a","image":"x"}],"new":1}}`
	assert.NoError(t, contender.Same([]byte(before), []byte(`{"spec":{"new":1,"containers":[{"image":"x","name":"a"}]}}`)), "another order")
	err := contender.Same([]byte(before), []byte(`{"spec":{"containers":[{"name":"a","image":"y"}]}}`))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "/spec/new")
	assert.Contains(t, err.Error(), "replace /spec/containers/0/image")
}

func TestTheUsualHandlerRemovesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	review, err := reviews.Usual("2k")
	require.NoError(t, err)
	review = bytes.Replace(review, []byte(`"status":{`), []byte(`"fieldOfTheNextRelease":1,"status":{`), 1)
	err = contender.Same(outcome(t, contender.Ours, review), outcome(t, contender.Typed, review))
	assert.ErrorContains(t, err, "remove /fieldOfTheNextRelease")
}

func TestPodsFullOfAnnotationsGetNoMore(t *testing.T) {
	t.Parallel()
	for _, h := range reviews.HostileCorpus()[:1] {
		ours := outcome(t, contender.Ours, h.Body)
		assert.Contains(t, string(ours), contender.PrivateHost)
		assert.NotContains(t, string(ours), podview.OriginalImagesAnnotation)
		assert.NoError(t, contender.Same(ours, outcome(t, contender.Typed, h.Body)))
	}
}

func TestCannedDoesTheJobForPodsOfOneShape(t *testing.T) {
	t.Parallel()
	review, err := reviews.Usual("6k")
	require.NoError(t, err)
	c, err := contender.Named(contender.Ours)
	require.NoError(t, err)
	ours, err := c.New()
	require.NoError(t, err)
	canned, err := contender.NewCanned(ours, review)
	require.NoError(t, err)
	got, err := contender.Outcome(canned, review)
	require.NoError(t, err)
	assert.NoError(t, contender.Same(outcome(t, contender.Ours, review), got))

	_, err = contender.NewCanned(canned, []byte("{}"))
	assert.Error(t, err)
}

func TestAnAnswerToAnotherQuestionIsNone(t *testing.T) {
	t.Parallel()
	_, err := contender.Named("nobody")
	assert.Error(t, err)
	c, err := contender.Named(contender.Echo)
	require.NoError(t, err)
	handler, err := c.New()
	require.NoError(t, err)
	_, err = contender.Outcome(handler, []byte(`{"uid":"00000000-0000-0000-0000-000000000000","request":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","object":{}}}`))
	assert.ErrorContains(t, err, "that was asked about")
	_, err = contender.Outcome(handler, []byte(`{}`))
	assert.ErrorContains(t, err, "status 400")
}

func objectOf(t *testing.T, review []byte) []byte {
	t.Helper()
	var r admissionv1.AdmissionReview
	require.NoError(t, json.Unmarshal(review, &r))
	return r.Request.Object.Raw
}
