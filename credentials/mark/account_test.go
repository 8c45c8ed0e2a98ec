package mark

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// asksAnnotation is credentials.ServiceAccountAnnotation. Nothing here reads it.
const asksAnnotation = "tcr-webhook.io/add-pull-secret"

func account(annotations map[string]string, secrets ...string) *corev1.ServiceAccount {
	s := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "builder", ResourceVersion: "7", Annotations: annotations,
	}}
	for _, name := range secrets {
		s.ImagePullSecrets = append(s.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
	}
	return s
}

func TestAccountPatch(t *testing.T) {
	t.Parallel()
	asks := map[string]string{asksAnnotation: "true"}
	served := map[string]string{asksAnnotation: "true", AddedAnnotation: "tcr-pull"}
	left := map[string]string{AddedAnnotation: "tcr-pull"}
	renamed := map[string]string{asksAnnotation: "true", AddedAnnotation: "old-pull"}
	tests := []struct {
		name string
		in   *corev1.ServiceAccount
		want string
		out  *corev1.ServiceAccount // nil: nothing is done
	}{
		{"asks, and has none", account(asks), "tcr-pull", account(served, "tcr-pull")},
		{"asks, and has others", account(asks, "mine", "yours"), "tcr-pull", account(served, "mine", "yours", "tcr-pull")},
		{"asks, and has it from us", account(served, "mine", "tcr-pull"), "tcr-pull", nil},
		{"asks, and has it from somebody else", account(asks, "tcr-pull"), "tcr-pull", nil},
		{"asks, and somebody took ours away", account(served, "mine"), "tcr-pull", account(served, "mine", "tcr-pull")},
		{"asks, under a new name", account(renamed, "old-pull", "mine"), "tcr-pull", account(served, "mine", "tcr-pull")},
		{"no longer asks", account(left, "mine", "tcr-pull", "yours"), "", account(map[string]string{}, "mine", "yours")},
		{"no longer asks, and somebody took ours away", account(left, "mine"), "", account(map[string]string{}, "mine")},
		{"never asked, and has it from somebody else", account(nil, "tcr-pull"), "", nil},
		{"asks in vain", account(asks, "mine"), "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			steps := accountSteps(tt.in, tt.want)
			if tt.out == nil {
				assert.Empty(t, steps)
				return
			}
			before, err := json.Marshal(tt.in)
			require.NoError(t, err)
			raw, err := json.Marshal(steps)
			require.NoError(t, err)
			patch, err := jsonpatch.DecodePatch(raw)
			require.NoError(t, err)
			after, err := patch.Apply(before)
			require.NoError(t, err)
			var got corev1.ServiceAccount
			require.NoError(t, json.Unmarshal(after, &got))
			if diff := cmp.Diff(tt.out, &got, cmp.Transformer("annotations", func(m metav1.ObjectMeta) []string {
				return []string{m.Annotations[asksAnnotation], m.Annotations[AddedAnnotation]}
			})); diff != "" {
				t.Errorf("service account (-want +got):\n%s", diff)
			}
			assert.Empty(t, accountSteps(&got, tt.want), "a second look changes something")
			stale := tt.in.DeepCopy()
			stale.ResourceVersion = "8"
			before, err = json.Marshal(stale)
			require.NoError(t, err)
			_, err = patch.Apply(before)
			assert.Error(t, err, "it applies to what was never looked at")
		})
	}
}
