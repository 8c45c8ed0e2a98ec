package credentials

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// A token may end before the one that a Secret holds, as after a clock of the
// cloud's that was ahead. Whatever else is put right, the better login stays.
func TestARepairKeepsTheBetterLogin(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*corev1.Secret){
		"the labels are gone":         func(s *corev1.Secret) { s.Labels = nil },
		"a mark is gone":              func(s *corev1.Secret) { delete(s.Annotations, "argocd.argoproj.io/sync-options") },
		"it has become immutable":     func(s *corev1.Secret) { s.Immutable = new(true) },
		"it is of another type":       func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque },
		"nothing but a foreign label": func(s *corev1.Secret) { s.Labels["theirs"] = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, namespaceNamed("shop"))
				r.vault.put(demoID, tokenFrom(time.Now(), 2*time.Hour))
				require.Empty(t, r.Ensure(t.Context(), "shop", []registry.ID{demoID}, far()))
				before := r.secret(t, "shop")

				worse := tokenFrom(time.Now(), time.Hour)
				worse.Password = "worse"
				r.vault.put(demoID, worse)
				damaged := before.DeepCopy()
				damage(damaged)
				require.NoError(t, r.client.Update(t.Context(), damaged))
				r.lead(t, "shop")

				after := r.secret(t, "shop")
				require.NotNil(t, after)
				assert.Equal(t, before.Data, after.Data)
				assert.Equal(t, before.Annotations, after.Annotations)
				assert.Equal(t, before.Type, after.Type)
				assert.True(t, within(before.Labels, after.Labels))
				assert.Nil(t, after.Immutable)
			})
		})
	}
}

// What somebody else wrote is no login of ours, however long it says it works.
func TestARepairTakesNothingFromAChangedSecret(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, namespaceNamed("shop"))
		r.vault.put(demoID, tokenFrom(time.Now(), 2*time.Hour))
		require.Empty(t, r.Ensure(t.Context(), "shop", []registry.ID{demoID}, far()))
		changed := r.secret(t, "shop")
		changed.Data[dataKey] = []byte(`{"auths":{"demo.tencentcloudcr.com":{"username":"x","password":"theirs"}}}`)
		require.NoError(t, r.client.Update(t.Context(), changed))
		better := tokenFrom(time.Now(), time.Hour)
		r.vault.put(demoID, better)
		r.lead(t, "shop")
		assert.NotContains(t, string(r.secret(t, "shop").Data[dataKey]), "theirs")
	})
}
