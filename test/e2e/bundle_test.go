//go:build linux

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

// wipe empties every caBundle of the registration for pods.
func (b *bed) wipe(t *testing.T) error {
	t.Helper()
	var config admissionregistrationv1.MutatingWebhookConfiguration
	require.NoError(t, b.client.Get(t.Context(), client.ObjectKey{Name: "zz-tcr-webhook"}, &config))
	before := config.DeepCopy()
	for i := range config.Webhooks {
		config.Webhooks[i].ClientConfig.CABundle = nil
	}
	return b.client.Patch(t.Context(), &config, client.MergeFrom(before))
}

// wipedBundle is refused, and where it is not, the server writes it again.
func (b *bed) wipedBundle(t *testing.T) {
	t.Helper()
	err := b.wipe(t)
	require.Error(t, err, "the caBundle may be emptied")
	t.Logf("refused: %s", err)

	b.upgrade(t, chart.Values{"admissionPolicies": chart.Values{"guardCABundle": false}})
	eventually(t, "a caBundle that may be emptied", func() (bool, string) {
		err = b.wipe(t)
		return err == nil, fmt.Sprint(err)
	})
	wiped := time.Now()
	l := &load{client: b.client}
	tries := 0
	eventually(t, "the service", func() (bool, string) {
		tries++
		l.create(t.Context(), "team-a")
		return len(l.failed) < tries, fmt.Sprint(l.failed)
	})
	t.Logf("service was back %s after the wipe, %d admissions had failed: %v", time.Since(wiped).Round(time.Millisecond), len(l.failed), l.failed)
	assert.Less(t, time.Since(wiped), 2*time.Second)
}
