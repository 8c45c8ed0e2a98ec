package webhook

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// FuzzDecide shows for any pod that the patch applies, that it makes the pod
// that was decided, that it changes images, pull secrets and one annotation and
// nothing else, that it removes nothing, and that a second round is empty.
func FuzzDecide(f *testing.F) {
	inputs, err := filepath.Glob("testdata/pods/*.in.yaml")
	require.NoError(f, err)
	for _, in := range inputs {
		text, err := os.ReadFile(in)
		require.NoError(f, err)
		var q question
		require.NoError(f, yaml.Unmarshal(text, &q))
		f.Add([]byte(q.Object), []byte(q.OldObject), q.Operation == "UPDATE", q.SubResource != "")
	}
	state := testState(f)
	f.Fuzz(func(t *testing.T, object, old []byte, isUpdate, ephemeral bool) {
		if !jsontext.Value(object).IsValid() || !jsontext.Value(old).IsValid() && len(old) > 0 {
			return // or with duplicate names, which the API server does not send
		}
		q := question{Namespace: "team-a", Operation: "CREATE", Object: object, OldObject: append([]byte(nil), old...)}
		if isUpdate {
			q.Operation = "UPDATE"
		}
		if ephemeral {
			q.SubResource = "ephemeralcontainers"
		}
		var review podview.Review
		if review.Decode(reviewOf(t, q)) != nil {
			return
		}
		d := Decide(&review.Request, state, Surroundings{})
		after := applyPatch(t, readResponse(t, appendReview(nil, review.Request.UID, &d, false)).Patch, object)
		compareOutsideOfOurs(t, review.Request.Object, object, after)
		before, was := review.Request.Object, review.Request.OldObject
		review = podview.Review{} // or it would decode into what before has

		q.Object = after
		require.NoError(t, review.Decode(reviewOf(t, q)))
		compareWithDecision(t, &d, &before, &review.Request.Object)
		if isUpdate {
			requireOnlyNewImages(t, &before, &was, &review.Request.Object, ephemeral)
		}
		again := Decide(&review.Request, state, Surroundings{})
		require.True(t, again.Patch.Empty(), "the second round does %s", again.Patch.JSON())
	})
}

// compareWithDecision compares the images and the pull secret of a patched pod
// with what was decided about it.
func compareWithDecision(t *testing.T, d *Decision, before, after *podview.Pod) {
	t.Helper()
	want := slices.Collect(before.Sites())
	for i := range want {
		for _, decided := range d.Images {
			if decided.Site == want[i] {
				want[i].Image = decided.Image
			}
		}
	}
	require.Empty(t, cmp.Diff(want, slices.Collect(after.Sites())))
	if len(d.Instances) > 0 {
		require.True(t, after.HasPullSecret("tcr-pull"), "the pod lacks a login that is asked for")
	}
}

// requireOnlyNewImages shows that an update of the pod old to before touches an
// image alone that it brings, and nothing else.
func requireOnlyNewImages(t *testing.T, before, old, after *podview.Pod, ephemeral bool) {
	t.Helper()
	require.Equal(t, before.Spec.ImagePullSecrets, after.Spec.ImagePullSecrets)
	require.Equal(t, before.Metadata.Annotations, after.Metadata.Annotations)
	there := map[[3]string]int{} // how many of the name have the image, of twins the last counts
	for s := range old.Sites() {
		there[[3]string{s.List.String(), s.Name, ""}]++
		there[[3]string{s.List.String(), s.Name, s.Image}]++
	}
	is := slices.Collect(after.Sites())
	for i, s := range slices.Collect(before.Sites()) {
		names, images := there[[3]string{s.List.String(), s.Name, ""}], there[[3]string{s.List.String(), s.Name, s.Image}]
		if images > 0 && images == names || ephemeral != (s.List == podview.EphemeralContainers) {
			require.Equal(t, s, is[i], "an image that was there before")
		}
	}
}

// compareOutsideOfOurs compares two versions of a pod with everything taken
// out that a patch may change, and the pull secrets one by one.
func compareOutsideOfOurs(t *testing.T, pod podview.Pod, before, after []byte) {
	t.Helper()
	was, is := tree(t, before), tree(t, after)
	for s := range pod.Sites() {
		require.NotEmpty(t, takeImage(was, s))
		require.NotEmpty(t, takeImage(is, s))
	}
	hadSecrets, hasSecrets := takePullSecrets(was), takePullSecrets(is)
	require.GreaterOrEqual(t, len(hasSecrets), len(hadSecrets))
	require.Empty(t, cmp.Diff(hadSecrets, hasSecrets[:len(hadSecrets)]))
	require.LessOrEqual(t, len(hasSecrets), len(hadSecrets)+1)
	takeAnnotation(was)
	takeAnnotation(is)
	if diff := cmp.Diff(was, is); diff != "" {
		t.Fatalf("more than ours changed (-before +after):\n%s", diff)
	}
}

func tree(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v))
	return v
}

func member(v any, name string) any {
	m, _ := v.(map[string]any)
	return m[name]
}

func takeImage(pod any, s podview.Site) string {
	list, _ := member(member(pod, "spec"), s.List.String()).([]any)
	item, name := list[s.Index], "image"
	if s.List == podview.Volumes {
		item, name = member(item, "image"), "reference"
	}
	image, _ := member(item, name).(string)
	item.(map[string]any)[name] = nil
	return image
}

func takePullSecrets(pod any) []any {
	spec, ok := member(pod, "spec").(map[string]any)
	if !ok {
		return []any{}
	}
	secrets, _ := spec["imagePullSecrets"].([]any)
	delete(spec, "imagePullSecrets")
	return append([]any{}, secrets...)
}

func takeAnnotation(pod any) {
	metadata, ok := member(pod, "metadata").(map[string]any)
	if !ok {
		return
	}
	annotations, _ := metadata["annotations"].(map[string]any)
	delete(annotations, podview.OriginalImagesAnnotation)
	if len(annotations) == 0 {
		delete(metadata, "annotations")
	}
}
