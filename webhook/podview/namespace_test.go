package podview

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

func TestDecodeANamespace(t *testing.T) {
	t.Parallel()
	const text = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{
		"uid":"u","kind":{"group":"","version":"v1","kind":"Namespace"},"operation":"UPDATE","name":"shop","dryRun":true,"next":{"a":[1]},
		"object":{"metadata":{"name":"shop","deletionTimestamp":"2026-01-01T00:00:00Z","labels":{"tier":"gold"},"annotations":{"a":"b","tcr-webhook.io/deliver":"tcr-a"}},"spec":{"finalizers":["kubernetes"]}},
		"oldObject":{"metadata":{"name":"shop","annotations":null}}}}`
	var want, got NamespaceReview
	want.APIVersion, want.Kind = "admission.k8s.io/v1", "AdmissionReview"
	want.Request = NamespaceRequest{UID: "u", Kind: GroupKind{Kind: "Namespace"}, Operation: Update, Name: "shop", DryRun: true}
	want.Request.Object.Metadata.Name = "shop"
	want.Request.Object.Metadata.DeletionTimestamp = "2026-01-01T00:00:00Z"
	want.Request.Object.Metadata.Labels = map[string]string{"tier": "gold"}
	want.Request.Object.Metadata.Annotations.Deliver = "tcr-a"
	want.Request.OldObject.Metadata.Name = "shop"
	require.NoError(t, got.Decode([]byte(text)))
	assert.Empty(t, cmp.Diff(want, got))

	require.NoError(t, got.Decode([]byte(`{}`)))
	assert.Empty(t, cmp.Diff(NamespaceReview{}, got), "something of the last review is left")
	err := got.Decode([]byte(`{"request":{"uid":7,"object":"marker"}}`))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "marker")
}

// FuzzDecodeNamespace holds the partial decode to Kubernetes' own types: what
// those take, it takes, and reads the same from it.
func FuzzDecodeNamespace(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"shop","labels":{"a":"b"},"annotations":{"tcr-webhook.io/deliver":"tcr-a"}}}`))
	f.Add([]byte(`{"metadata":{"labels":null,"annotations":{"x":null}},"status":{"phase":"Active"}}`))
	f.Add([]byte(`{"metadata":{"Name":"case","deletionTimestamp":"2026-01-01T00:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, object []byte) {
		var typed corev1.Namespace
		if kjson.Unmarshal(object, &typed) != nil {
			return
		}
		object, err := json.Marshal(&typed) // as the API server does
		require.NoError(t, err)
		var r NamespaceReview
		require.NoError(t, r.Decode(fmt.Appendf(nil, `{"request":{"object":%s}}`, object)))
		meta := r.Request.Object.Metadata
		assert.Equal(t, typed.Name, meta.Name)
		assert.Equal(t, typed.Annotations["tcr-webhook.io/deliver"], meta.Annotations.Deliver)
		assert.Empty(t, cmp.Diff(typed.Labels, meta.Labels, cmpopts.EquateEmpty()))
		assert.Equal(t, typed.DeletionTimestamp != nil, meta.DeletionTimestamp != "")
	})
}
