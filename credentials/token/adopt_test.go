package token_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/credentials/token/tokentest"
)

func lasting(issued time.Time, life time.Duration) token.Token {
	return token.Token{Username: "100012345678", Password: "pw", IssuedAt: issued, ExpiresAt: issued.Add(life)}
}

func TestAdopt(t *testing.T) {
	t.Parallel()
	now := time.Now().Round(0)
	held := lasting(now.Add(-10*time.Minute), time.Hour)
	tests := []struct {
		name  string
		key   registry.Key
		tok   token.Token
		adopt bool
	}{
		{"a newer one", demo, lasting(now.Add(-5*time.Minute), time.Hour), true},
		{"a newer one that ends sooner", demo, lasting(now.Add(-5*time.Minute), 30*time.Minute), true},
		{"the same", demo, held, false},
		{"an older one", demo, lasting(now.Add(-20*time.Minute), 10*time.Hour), false},
		{"one that has expired", demo, lasting(now.Add(-2*time.Minute), time.Minute), false},
		{"one that claims years", demo, lasting(now, 10000*time.Hour), false},
		{"one of tomorrow", demo, lasting(now.Add(24*time.Hour), time.Hour), false},
		{"one of a clock that is a little ahead", demo, lasting(now.Add(2*time.Minute), time.Hour), true},
		{"one without a password", demo, token.Token{Username: "u", IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, false},
		{"one that nobody wants", other, lasting(now, time.Hour), false},
		{"one of another account", registry.Key{ID: demo.ID, Account: "x"}, lasting(now, time.Hour), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var news []registry.Key
			c := token.New(nil, token.Options{OnChange: func(k registry.Key) { news = append(news, k) }})
			c.Want(demo)
			require.True(t, c.Adopt(demo, held), "nothing was held")
			require.Equal(t, tt.adopt, c.Adopt(tt.key, tt.tok))
			want := held
			if tt.adopt {
				want = tt.tok
			}
			assert.Equal(t, map[registry.Key]token.Token{demo: want}, c.Held())
			assert.Len(t, news, map[bool]int{true: 2, false: 1}[tt.adopt])
		})
	}
}

// Of three replicas that share their tokens one asks the API. When it is gone
// the others live on what they have, and one asks when that is at its end.
func TestOnlyTheOneWhoseTurnItIsAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		var leads, leaderless atomic.Bool
		c := started(t, script, token.Options{Turn: func(usable bool) bool { return leads.Load() || !usable && leaderless.Load() }}, demo)
		require.True(t, c.Adopt(demo, lasting(time.Now(), time.Hour)))
		time.Sleep(57 * time.Minute)
		assert.Empty(t, script.Calls(demo), "a follower asked while somebody leads")
		leaderless.Store(true)
		time.Sleep(30 * time.Second)
		assert.Empty(t, script.Calls(demo), "a follower asked while its token works")
		time.Sleep(time.Minute)
		assert.Len(t, script.Calls(demo), 1, "nobody asked, and the token is at its end")

		leads.Store(true)
		time.Sleep(37 * time.Minute)
		assert.Len(t, script.Calls(demo), 2, "the leader did not renew at 50-60 % of the token's life")
	})
}

// What one replica renewed is not renewed again by the next leader.
func TestANewLeaderWithAFreshTokenAsksNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		script := tokentest.NewScript(time.Hour)
		c := started(t, script, token.Options{}, demo)
		time.Sleep(time.Second)
		require.Len(t, script.Calls(demo), 1, "nothing was held at first")
		for range 5 {
			time.Sleep(20 * time.Minute)
			require.True(t, c.Adopt(demo, lasting(time.Now(), time.Hour)))
		}
		assert.Len(t, script.Calls(demo), 1)
	})
}
