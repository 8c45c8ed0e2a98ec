package token

import (
	"time"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

const (
	// longestLife is the most that a token may claim to live: temporary ones
	// live an hour, and the most that any page of Tencent's says is a day. One
	// that claimed years would never be renewed.
	longestLife = 25 * time.Hour
	// FromAhead is how far in the future a token may have been issued: clocks of
	// replicas differ, and beyond it the API refuses whoever asks.
	FromAhead = 5 * time.Minute
)

// Plausible tells whether the token can be what it claims to be, at now.
func (t Token) Plausible(now time.Time) bool {
	return t.Lifetime() > 0 && t.Lifetime() <= longestLife && !t.IssuedAt.After(now.Add(FromAhead))
}

// Adopt takes over a token of key that another replica obtained, and reports
// whether it did: only for a wanted key, and only a plausible token that works
// and was issued after the one that is held.
func (c *Cache) Adopt(key registry.Key, tok Token) bool {
	tok = tok.wallClock()
	now := time.Now()
	if tok.check(now) != nil || !tok.Plausible(now) {
		return false
	}
	rec := c.wanted(key)
	if rec == nil || !c.newer(key, tok) || !c.store(key, rec, tok) {
		return false
	}
	c.onChange(key)
	return true
}

// Held is every token that works, by its key: what other replicas could adopt.
func (c *Cache) Held() map[registry.Key]Token {
	tokens := map[registry.Key]Token{}
	for key := range *c.held.Load() {
		if tok, ok := c.Peek(key); ok {
			tokens[key] = tok
		}
	}
	return tokens
}

// wanted is the record of key, or nil if nobody wants it.
func (c *Cache) wanted(key registry.Key) *record {
	c.mu.Lock()
	defer c.mu.Unlock()
	if rec := c.records[key]; rec != nil && rec.wanted {
		return rec
	}
	return nil
}

// newer tells whether tok was issued after what is held for key.
func (c *Cache) newer(key registry.Key, tok Token) bool {
	held, ok := (*c.held.Load())[key]
	return !ok || tok.IssuedAt.After(held.token.IssuedAt)
}

func (c *Cache) usable(key registry.Key) bool {
	_, ok := c.Peek(key)
	return ok
}
