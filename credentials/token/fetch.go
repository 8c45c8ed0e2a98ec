package token

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// callTimeout bounds one call of the Issuer, or a tenth of the last token's
// life if that is less: a call that hangs must leave time for another.
const callTimeout = 10 * time.Second

// fetch issues a token for key and files it under rec, or joins the fetch that
// is under way. It goes on until it is done or ctx ends, whoever listens.
func (c *Cache) fetch(ctx context.Context, key registry.Key, rec *record) <-chan singleflight.Result {
	return c.flight.DoChan(key.String(), func() (any, error) {
		if tok, ok, err := c.settled(key, rec); ok || err != nil {
			return tok, err
		}
		return c.issue(ctx, key, rec)
	})
}

// settled returns what need not be asked for: the last error while its pause
// lasts, or the token of a fetch that ended between the caller's look at the
// cache and its own fetch.
func (c *Cache) settled(key registry.Key, rec *record) (Token, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if err := rec.pausing(now); err != nil {
		return Token{}, false, err
	}
	tok, ok := c.Peek(key)
	return tok, ok && now.Before(rec.renewAt), nil
}

func (c *Cache) issue(ctx context.Context, key registry.Key, rec *record) (Token, error) {
	if err := c.limiter.Wait(ctx); err != nil {
		return Token{}, fmt.Errorf("wait to issue a token for %s: %w", key, err)
	}
	tok, err := c.call(ctx, key)
	if err != nil {
		err = fmt.Errorf("issue token for %s: %w", key, err)
		if ctx.Err() == nil { // otherwise it was us who ended it
			c.fail(key, rec, err)
		}
		return Token{}, err
	}
	if c.store(key, rec, tok) {
		c.onChange(key)
	}
	return tok, nil
}

// call asks the issuer. No lock is held here.
func (c *Cache) call(ctx context.Context, key registry.Key) (Token, error) {
	ctx, cancel := context.WithTimeout(ctx, scaled(callTimeout, c.lastLife(key)))
	defer cancel()
	tok, err := c.issuer.Issue(ctx, key)
	if err != nil {
		return Token{}, err
	}
	return tok.wallClock(), tok.check(time.Now())
}

// store files tok and reports whether it did: not if key was dropped
// meanwhile.
func (c *Cache) store(key registry.Key, rec *record, tok Token) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.records[key] != rec {
		return false
	}
	held := maps.Clone(*c.held.Load())
	held[key] = &heldToken{token: tok, until: tok.usableUntil()}
	c.held.Store(&held)
	rec.clear()
	rec.renewAt = tok.renewAt(rand.Float64())
	c.poke()
	return true
}

func (c *Cache) fail(key registry.Key, rec *record, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec.fail(err, time.Now().Add(pause(err, rec.failures+1, c.lastLife(key), rand.Float64())))
	c.poke()
}

// lastLife is how long the last token of key lives or lived, or zero if none
// was seen.
func (c *Cache) lastLife(key registry.Key) time.Duration {
	if last, ok := (*c.held.Load())[key]; ok {
		return last.token.Lifetime()
	}
	return 0
}
