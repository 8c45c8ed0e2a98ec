package tokentest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// Conformance checks what token.Cache relies on in an Issuer. The issuer must
// know the instance known and not know unknown.
func Conformance(t *testing.T, issuer token.Issuer, known, unknown registry.Key) {
	t.Helper()
	t.Run("a token is whole, usable and dated by the wall clock", func(t *testing.T) {
		before := time.Now()
		tok, err := issuer.Issue(t.Context(), known)
		require.NoError(t, err)
		assert.NotEmpty(t, tok.Username)
		assert.NotEmpty(t, tok.Password.Reveal())
		assert.True(t, tok.Usable(time.Now()), "expires at %s", tok.ExpiresAt)
		assert.False(t, tok.IssuedAt.Before(before.Round(0)), "issued at %s, before it was asked for", tok.IssuedAt)
		assert.False(t, tok.IssuedAt.After(time.Now()), "issued at %s, in the future", tok.IssuedAt)
		assert.Equal(t, tok.IssuedAt.Round(0), tok.IssuedAt, "IssuedAt has a monotonic reading")
		assert.Equal(t, tok.ExpiresAt.Round(0), tok.ExpiresAt, "ExpiresAt has a monotonic reading")
	})
	t.Run("a token shows its password to nobody", func(t *testing.T) {
		tok, err := issuer.Issue(t.Context(), known)
		require.NoError(t, err)
		asJSON, err := json.Marshal(tok)
		require.NoError(t, err)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s", tok, tok, tok, asJSON), tok.Password.Reveal())
	})
	t.Run("a later token expires no earlier", func(t *testing.T) {
		first, err := issuer.Issue(t.Context(), known)
		require.NoError(t, err)
		second, err := issuer.Issue(t.Context(), known)
		require.NoError(t, err)
		assert.False(t, second.ExpiresAt.Before(first.ExpiresAt), "%s, then %s", first.ExpiresAt, second.ExpiresAt)
	})
	t.Run("an instance that does not exist is said to be not found", func(t *testing.T) {
		_, err := issuer.Issue(t.Context(), unknown)
		require.ErrorIs(t, err, token.ErrNotFound)
		assert.ErrorContains(t, err, unknown.String())
	})
	t.Run("a cancelled call ends with the context's error", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := issuer.Issue(ctx, known)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("calls may run side by side", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				_, err := issuer.Issue(t.Context(), known)
				assert.NoError(t, err)
			})
		}
		wg.Wait()
	})
}
