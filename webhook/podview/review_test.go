package podview

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

func readReview(t testing.TB, size string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "reviews", size+".json"))
	require.NoError(t, err)
	return body
}

// used has something in every field that is read.
const used = `{
		"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{
		"uid":"u","kind":{"group":"","version":"v1","kind":"Pod"},"resource":{"group":"","version":"v1","resource":"pods"},
		"subResource":"ephemeralcontainers","requestKind":{"kind":"x"},"name":"n","namespace":"ns","operation":"UPDATE","dryRun":true,
		"userInfo":{"username":"somebody"},"options":null,
		"object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","generateName":"p-","deletionTimestamp":"2026-01-01T00:00:00Z",
			"labels":{"a":"b","tcr-webhook.io/inject":"disabled"},"annotations":{"kubernetes.io/config.mirror":"","\u0061":"\u00e9\n"},
			"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r","uid":"1","controller":true}]},
			"spec":{"serviceAccountName":"sa","imagePullSecrets":[{"name":"s"}],"fieldFromTheNextRelease":{"image":"no"},
			"containers":[{"name":"c","image":"i","env":[{"name":"image","value":"no"}]}]}},
		"oldObject":{"spec":{"containers":[{"name":"c","image":"o"}]}}}}`

func TestDecode(t *testing.T) {
	t.Parallel()
	var r Review
	require.NoError(t, r.Decode([]byte(used)))
	want := Review{
		APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview",
		Request: Request{
			UID: "u", Kind: GroupKind{Kind: "Pod"},
			SubResource: "ephemeralcontainers", Name: "n", Namespace: "ns", Operation: Update, DryRun: true,
			Object: Pod{
				Metadata: Metadata{
					GenerateName: "p-", DeletionTimestamp: "2026-01-01T00:00:00Z", Present: true,
					Labels: Labels{Inject: "disabled"},
					// The names are 27 and 1 bytes long, the values 0 and 3.
					Annotations:     Annotations{Present: true, Size: 31, Mirror: true},
					OwnerReferences: []Owner{{APIVersion: "apps/v1", Kind: "ReplicaSet", Controller: true}},
				},
				Spec: Spec{
					ServiceAccountName: "sa",
					ImagePullSecrets:   PullSecrets{Items: []PullSecret{{Name: "s"}}, Present: true},
					Containers:         []Container{{Name: "c", Image: "i"}},
				},
			},
			OldObject: Pod{Spec: Spec{Containers: []Container{{Name: "c", Image: "o"}}}},
		},
	}
	if diff := cmp.Diff(want, r, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Review{})); diff != "" {
		t.Errorf("review (-want +got):\n%s", diff)
	}
}

func TestDecodeTellsAbsentFromEmpty(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, pod                      string
		metadata, annotations, secrets bool
	}{
		{"nothing", `{}`, false, false, false},
		{"no pod", `null`, false, false, false},
		{"nulls", `{"metadata":null,"spec":{"imagePullSecrets":null}}`, false, false, false},
		{"null annotations", `{"metadata":{"annotations":null}}`, true, false, false},
		{"empty ones", `{"metadata":{"annotations":{}},"spec":{"imagePullSecrets":[]}}`, true, true, true},
		{"null members", `{"metadata":{"annotations":{"a":null}},"spec":{"imagePullSecrets":[null]}}`, true, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pod := decodePod(t, tt.pod)
			assert.Equal(t, tt.metadata, pod.Metadata.Present)
			assert.Equal(t, tt.annotations, pod.Metadata.Annotations.Present)
			assert.Equal(t, tt.secrets, pod.Spec.ImagePullSecrets.Present)
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	const secret = "marker-of-a-secret"
	pod := func(spec string) string { return `{"request":{"object":{"spec":` + spec + `}}}` }
	tests := []struct{ name, body string }{
		{"nothing", ``},
		{"half a review", `{"request":{"uid":"` + secret},
		{"something behind the end", `{} ` + secret},
		{"another kind of text", `"` + secret + `"`},
		{"invalid UTF-8", pod(`{"x":"` + secret + "\xff" + `"}`)},
		{"half a surrogate pair", pod(`{"x":"` + secret + `\ud800"}`)},
		{"a number for an image", pod(`{"containers":[{"image":1}]}`)},
		{"an object for a list", pod(`{"containers":{"` + secret + `":1}}`)},
		{"a list for annotations", `{"request":{"object":{"metadata":{"annotations":["` + secret + `"]}}}}`},
		{"a number for an annotation", `{"request":{"object":{"metadata":{"annotations":{"` + secret + `":1}}}}}`},
		{"an unfinished annotation", `{"request":{"object":{"metadata":{"annotations":{"` + secret},
		{"no end of levels", pod(strings.Repeat(`{"a":`, 10_001))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r Review
			err := r.Decode([]byte(tt.body))
			require.ErrorContains(t, err, "decode admission review: ")
			assert.NotContains(t, err.Error(), secret)
		})
	}
}

func TestDecodeMatchesNamesByCase(t *testing.T) {
	t.Parallel()
	pod := decodePod(t, `{"Spec":{"containers":[{"image":"a"}]},"spec":{"Containers":[{"image":"b"}],"containers":[{"Image":"c"}]}}`)
	assert.Empty(t, slices.Collect(pod.Sites()))
}

// TestDecodeAgreesWithKubernetes does for whole reviews what FuzzDecode does
// for small ones, which a fuzzer gets on with.
func TestDecodeAgreesWithKubernetes(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"2k", "6k", "60k"} {
		require.True(t, compareDecoders(t, readReview(t, size)))
	}
}

func FuzzDecode(f *testing.F) {
	for _, pod := range []string{
		`{}`, `null`, `{"metadata":{"annotations":{"a":"\u0000\n","b":null},"labels":{"tcr-webhook.io/inject":null}}}`,
		`{"spec":{"containers":[null,{"image":null}],"volumes":[{"image":{}},null],"imagePullSecrets":[]}}`,
		`{"metadata":{"annotations":{"tcr-webhook.io\/original-images":"{}","kubernetes.io/config.mirror":"x"},"ownerReferences":[{"controller":null}]}}`,
	} {
		f.Add([]byte(`{"request":{"uid":"u","dryRun":null,"object":` + pod + `,"oldObject":` + pod + `}}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) { compareDecoders(t, body) })
}

// compareDecoders holds the partial decode against the typed one of
// Kubernetes: where both read a text, they read the same from it. A used
// Review must not show through, since the webhook uses its own again and
// again. It tells whether both read body.
func compareDecoders(t *testing.T, body []byte) bool {
	t.Helper()
	var r, again Review
	if err := r.Decode(body); err != nil || !jsontext.Value(body).IsValid() {
		return false // the latter for duplicate names
	}
	require.NoError(t, again.Decode([]byte(used)))
	require.NoError(t, again.Decode(body))
	if diff := cmp.Diff(r, again, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(Review{})); diff != "" {
		t.Fatalf("a used review decodes otherwise (-fresh +used):\n%s", diff)
	}

	var typed admissionv1.AdmissionReview
	if err := kjson.Unmarshal(body, &typed); err != nil || typed.Request == nil {
		return false
	}
	object, old := new(corev1.Pod), new(corev1.Pod)
	if decodeRaw(typed.Request.Object.Raw, object) != nil || decodeRaw(typed.Request.OldObject.Raw, old) != nil {
		return false
	}
	if diff := cmp.Diff(typedRequest(typed.Request, object, old), withoutOwn(r.Request), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("the partial decode differs (-typed +partial):\n%s", diff)
	}
	return true
}

func decodeRaw(raw []byte, pod *corev1.Pod) error {
	if len(raw) == 0 {
		return nil
	}
	return kjson.Unmarshal(raw, pod)
}

// withoutOwn drops what the typed decode does not know: whether there was any
// metadata, and how a time was written.
func withoutOwn(r Request) Request {
	for _, m := range []*Metadata{&r.Object.Metadata, &r.OldObject.Metadata} {
		m.Present = false
		if m.DeletionTimestamp != "" {
			m.DeletionTimestamp = deleted
		}
	}
	return r
}
