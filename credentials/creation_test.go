package credentials

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Two replicas make the Secret of one namespace at once. One of them has not
// heard yet of the token that was renewed a moment ago.
func TestOfTwoCreationsTheFirstStands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		older, newer := tokenFrom(time.Now(), time.Minute), tokenFrom(time.Now(), time.Hour)
		r := newRig(t, namespaceNamed("shop"))
		r.vault.put(demoID, older)
		r.hang = make(chan struct{})
		var warning string
		go func() { warning = r.Ensure(t.Context(), "shop", []registry.ID{demoID}, far()) }()
		synctest.Wait() // it has seen that there is none, and is about to write

		options, informed := r.Options, &vault{}
		informed.put(demoID, newer)
		options.Client, options.Tokens = r.client, informed
		other := NewKeeper(options)
		other.SetGrace(500 * time.Millisecond)
		assert.Empty(t, other.Ensure(t.Context(), "shop", []registry.ID{demoID}, far()))
		first := r.secret(t, "shop")
		require.NotNil(t, first)

		close(r.hang)
		synctest.Wait()
		assert.Empty(t, warning, "the Secret is there, whoever made it")
		assert.Equal(t, first.Annotations, r.secret(t, "shop").Annotations, "the older login took the place of the newer")
	})
}
