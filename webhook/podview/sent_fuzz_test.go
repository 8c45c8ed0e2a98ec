package podview

import (
	"encoding/json"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// FuzzDecodeWhatIsSent is the other half of FuzzDecode: whatever an API server
// can hold, and so send, is read. It holds a pod as Kubernetes' types and
// writes it with their encoder.
func FuzzDecodeWhatIsSent(f *testing.F) {
	for _, pod := range []string{
		`{}`, `{"spec":{"containers":[null]}}`,
		`{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z","labels":null,"annotations":{"a":null},"managedFields":[{"fieldsV1":{"f:a":{}}}]}}`,
		`{"metadata":{"ownerReferences":[{"controller":null}]},"spec":{"volumes":[{"image":{}}],"imagePullSecrets":[{}],"ephemeralContainers":[{"env":[{}]}]}}`,
	} {
		f.Add([]byte(pod))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		pod := new(corev1.Pod)
		if kjson.Unmarshal(raw, pod) != nil {
			return
		}
		if jsontext.Value(raw).IsValid() { // or with duplicate names or half a character, which nobody sends
			requireRead(t, raw, pod)
		}
		sent, err := json.Marshal(pod)
		if err != nil {
			return // a time or a quantity that cannot be written
		}
		again := new(corev1.Pod) // without its empty lists
		require.NoError(t, kjson.Unmarshal(sent, again))
		requireRead(t, sent, again)
	})
}

// requireRead reads raw as the object of a review that an API server wrote.
func requireRead(t *testing.T, raw []byte, pod *corev1.Pod) {
	t.Helper()
	request := &admissionv1.AdmissionRequest{UID: "u", Object: runtime.RawExtension{Raw: raw}}
	body, err := json.Marshal(admissionv1.AdmissionReview{Request: request})
	require.NoError(t, err)
	var r Review
	require.NoError(t, r.Decode(body), "%s", raw)
	if diff := cmp.Diff(typedRequest(request, pod, new(corev1.Pod)), withoutOwn(r.Request), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("the partial decode of %s differs (-typed +partial):\n%s", raw, diff)
	}
}
