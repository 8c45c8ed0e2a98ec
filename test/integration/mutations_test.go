package integration

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// The API server's audit has who changed a pod, what the patch was and what the
// images were.
func TestTheAuditExplainsAMutation(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Audit: true})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	a.pod(t, "shop", "hello", publicImage)
	eventually(t, "the audit to tell", func() bool {
		log, err := s.Cluster.AuditLog()
		require.NoError(t, err)
		for line := range strings.Lines(log) {
			if strings.Contains(line, `"requestURI":"/api/v1/namespaces/shop/pods`) && strings.Contains(line, `"verb":"create"`) {
				return strings.Contains(line, `"mutation.webhook.admission.k8s.io/round_0_index_`) &&
					strings.Contains(line, `\"webhook\":\"pods.tcr-webhook.io\",\"mutated\":true`) &&
					strings.Contains(line, `"patch.webhook.admission.k8s.io/round_0_index_`) &&
					strings.Contains(line, `/spec/containers/0/image`) && strings.Contains(line, "original-images") &&
					strings.Contains(line, privateImage)
			}
		}
		return false
	})
}

// A dry run of the first pod of a namespace writes nothing and asks the cloud
// for nothing, whose token is there anyway.
func TestDryRunsCostNothing(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	l := watched(t, s)
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	a.pod(t, "shop", "hello", publicImage) // so that all that is done once is done
	a.namespace(t, "dry")
	calls, writes := len(s.Cloud.Calls("CreateInstanceToken")), l.Writes()
	for range 20 {
		pod := newPod("dry", "hello", publicImage)
		require.NoError(t, a.Create(t.Context(), pod, client.DryRunAll))
		assert.Equal(t, []string{privateImage}, images(pod))
	}
	a.pod(t, "shop", "again", publicImage) // what would have been begun is done by now
	assert.Equal(t, writes, l.Writes())
	assert.Nil(t, a.secret(t, "dry"))
	assert.Len(t, s.Cloud.Calls("CreateInstanceToken"), calls)
}
