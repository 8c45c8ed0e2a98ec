package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

const addedHost = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, identity: SecretKey, endpoint: ENDPOINT}
registries:
- instance: tcr-m3ut3qxx
  namespaces: ["*", "!gone-*"]
  route: Private
  hosts: {public: demo.tencentcloudcr.com, private: demo-vpc.tencentcloudcr.com, custom: [r.example.com]}
`

// While every Secret is being written anew, some namespaces are on their way
// out, and of others the Secret is deleted because they get none any more.
// Nothing comes back, nothing is written there, and nothing is an error.
func TestAWaveBringsNothingBack(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	l := watched(t, s)
	a := newAuthor(t, s)
	kinds := []string{"stays", "gone", "ends"}
	const each = 40
	for i := range each {
		for _, kind := range kinds {
			name := fmt.Sprintf("%s-%d", kind, i)
			a.namespace(t, name)
			a.pod(t, name, "hello", publicImage)
			require.NotNil(t, a.secret(t, name))
		}
	}
	before := l.History()
	require.NoError(t, s.WriteConfig(addedHost)) // which deselects gone-*, too
	eventually(t, "the wave to begin", func() bool { return l.Writes()[ledger.Changed] > 0 })
	for i := range each {
		if i%5 == 0 { // some while the wave goes on, which takes three seconds
			time.Sleep(300 * time.Millisecond)
		}
		ends := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("ends-%d", i)}}
		require.NoError(t, a.Delete(t.Context(), ends)) // it stays terminating: no controller empties it here
		for _, kind := range []string{"gone", "ends"} {
			err := a.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("%s-%d", kind, i), Name: "tcr-pull"}})
			require.NoError(t, client.IgnoreNotFound(err))
		}
	}
	eventually(t, "the end of the wave", func() bool {
		for i := range each {
			if len(l.History()[fmt.Sprintf("stays-%d", i)]) == len(before[fmt.Sprintf("stays-%d", i)]) {
				return false
			}
		}
		return true
	})
	time.Sleep(5 * time.Second)
	for i := range each {
		for _, kind := range []string{"gone", "ends"} {
			name := fmt.Sprintf("%s-%d", kind, i)
			assert.Nil(t, a.secret(t, name), "it came back in %s", name)
			created := 0
			for _, v := range l.History()[name] {
				if v.Op == ledger.Created {
					created++
				}
			}
			assert.Equal(t, 1, created, "%s: times that the Secret was created", name)
		}
	}
	log, err := s.Server.Log()
	require.NoError(t, err)
	assert.NotContains(t, log, `"level":"ERROR"`)
}
