package credentials

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func account(annotations map[string]string, secrets ...string) *corev1.ServiceAccount {
	s := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "builder", ResourceVersion: "7", Annotations: annotations,
	}}
	for _, name := range secrets {
		s.ImagePullSecrets = append(s.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
	}
	return s
}

func TestAccountSteps(t *testing.T) {
	t.Parallel()
	asks := map[string]string{ServiceAccountAnnotation: "true"}
	served := map[string]string{ServiceAccountAnnotation: "true", AddedAnnotation: "tcr-pull"}
	left := map[string]string{AddedAnnotation: "tcr-pull"}
	renamed := map[string]string{ServiceAccountAnnotation: "true", AddedAnnotation: "old-pull"}
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
				return []string{m.Annotations[ServiceAccountAnnotation], m.Annotations[AddedAnnotation]}
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

// live is Accounts that are never behind.
type live struct{ client.Client }

func (l live) Annotated(string) []types.NamespacedName { return nil }

func (l live) Annotations(namespace, name string) (map[string]string, bool) {
	var s corev1.ServiceAccount
	err := l.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: name}, &s)
	return s.Annotations, err == nil
}

func TestAServiceAccountThatAsksIsServedWithItsSecret(t *testing.T) {
	t.Parallel()
	s := account(map[string]string{ServiceAccountAnnotation: "true"})
	s.ResourceVersion = ""
	r := newRig(t, namespaceNamed("shop"), s)
	r.vault.put(demoID, tokenFrom(time.Now(), time.Hour))
	enabled := true
	a := &ServiceAccounts{Keeper: r.Keeper, Accounts: live{r.client}, Enabled: func() bool { return enabled }}
	look := func() *corev1.ServiceAccount {
		_, err := a.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(s)})
		require.NoError(t, err)
		var got corev1.ServiceAccount
		require.NoError(t, r.client.Get(t.Context(), client.ObjectKeyFromObject(s), &got))
		return &got
	}
	assert.Equal(t, []corev1.LocalObjectReference{{Name: "tcr-pull"}}, look().ImagePullSecrets)
	r.lead(t, "shop")
	assert.NotNil(t, r.secret(t, "shop"), "there is no Secret of the name that it was given")

	enabled = false
	got := look()
	assert.Empty(t, got.ImagePullSecrets)
	assert.NotContains(t, got.Annotations, AddedAnnotation)
	_, err := a.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Namespace: "shop", Name: "gone"}})
	assert.NoError(t, err)
}
