package credentials

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tcr-webhook/tcr-webhook/credentials/mark"
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
	assert.NotContains(t, got.Annotations, mark.AddedAnnotation)
	_, err := a.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Namespace: "shop", Name: "gone"}})
	assert.NoError(t, err)
}
