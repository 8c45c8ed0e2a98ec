package integration

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// Features are switched on and off, as by an upgrade, while pods are created: no
// entry is without a caBundle for a moment, so that no pod is refused or left as
// it was written.
func TestSwitchingLosesNoCall(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Replicas: 2, Config: stack.DefaultConfig + policyRules})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	a.namespace(t, "enforced")
	a.pod(t, "shop", "first", publicImage)

	ctx, stop := context.WithCancel(t.Context())
	var author sync.WaitGroup
	created := 0
	author.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			pod := newPod([]string{"shop", "enforced"}[created%2], "", publicImage)
			pod.GenerateName = "hello-"
			created++
			if !assert.NoError(t, a.Create(t.Context(), pod), "pod %d", created) {
				continue
			}
			assert.Equal(t, []string{privateImage}, images(pod), "pod %d", created)
			assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets, "pod %d", created)
		}
	})
	steps := []chart.Values{
		{"policyRegistration": "Fail"}, {"policyRegistration": "Absent"}, {"inject": "Always"}, {"policyRegistration": "Ignore"},
		{"policyRegistration": "Fail", "inject": "Always", "webhooks": chart.Values{"timeoutSeconds": 5}}, nil,
	}
	for _, values := range slices.Concat(steps, steps) {
		assert.NoError(t, s.Register(t.Context(), values))
		time.Sleep(500 * time.Millisecond) // for pods to be created meanwhile
	}
	stop()
	author.Wait()
	require.Greater(t, created, 20)
	t.Logf("%d pods created", created)
}
