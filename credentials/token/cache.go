package token

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Options are what a Cache can be told beside its Issuer.
type Options struct {
	// OnChange, if set, is called after a new token of an key is in the cache,
	// on the goroutine that fetched it and with no lock held. Callers of Get
	// wait for it, so it should only pass the news on.
	OnChange func(registry.Key)
	// Turn, if set, says whether it falls to this cache to ask for a token,
	// of which it has a usable one or none: of several replicas that share
	// their tokens one is enough. It is asked again every second.
	Turn func(usable bool) bool
}

// Cache holds one token per registry key. Use New. All methods may be called
// at the same time.
type Cache struct {
	issuer   Issuer
	onChange func(registry.Key)
	turn     func(usable bool) bool
	limiter  *rate.Limiter
	flight   singleflight.Group
	wake     chan struct{} // capacity one; tells Start to look again

	// held is what Peek reads: a map that is replaced, never changed.
	held atomic.Pointer[map[registry.Key]*heldToken]

	// mu guards records and the replacing of held. It is never held during a
	// call of the Issuer or of OnChange.
	mu      sync.Mutex
	records map[registry.Key]*record
}

// heldToken is a token and the end of its use, worked out once: an admission
// that peeks at it has microseconds.
type heldToken struct {
	token Token
	until time.Time
}

// New returns an empty cache that gets its tokens from issuer. It renews
// nothing until Start runs.
func New(issuer Issuer, opts Options) *Cache {
	c := &Cache{
		issuer:   issuer,
		onChange: opts.OnChange,
		turn:     opts.Turn,
		limiter:  rate.NewLimiter(callsPerSecond, callBurst),
		wake:     make(chan struct{}, 1),
		records:  map[registry.Key]*record{},
	}
	if c.onChange == nil {
		c.onChange = func(registry.Key) {}
	}
	if c.turn == nil {
		c.turn = func(bool) bool { return true }
	}
	c.held.Store(&map[registry.Key]*heldToken{})
	return c
}

// Peek returns the token of key if the cache holds one that is usable. It only
// reads memory, waits for nothing and nobody, and starts nothing.
func (c *Cache) Peek(key registry.Key) (Token, bool) {
	held, ok := (*c.held.Load())[key]
	if !ok || !time.Now().Before(held.until) {
		return Token{}, false
	}
	return held.token, true
}

// Get returns the token of key, fetching one if the cache holds none that is
// usable. Callers for one key share one fetch, which goes on without them when
// their ctx ends. After a failed fetch every caller gets its error at once
// until the pause that the error calls for is over, or Forget.
func (c *Cache) Get(ctx context.Context, key registry.Key) (Token, error) {
	if tok, ok := c.Peek(key); ok {
		return tok, nil
	}
	// Detached: one caller giving up must not fail the others.
	done := c.fetch(context.WithoutCancel(ctx), key, c.recordOf(key))
	select {
	case <-ctx.Done():
		return Token{}, fmt.Errorf("wait for token of %s: %w", key, context.Cause(ctx))
	case r := <-done:
		if r.Err != nil {
			return Token{}, r.Err
		}
		return r.Val.(Token), nil
	}
}

// Forget ends the pause after a failure of key, for when its cause may be
// gone: the next Get asks the API again, and so does Start for a wanted key.
// A token that is held stays.
func (c *Cache) Forget(key registry.Key) {
	c.mu.Lock()
	if rec, ok := c.records[key]; ok {
		rec.clear()
	}
	c.mu.Unlock()
	c.poke()
}

// Err is the last failure to get a token for key, or nil if there was none
// since the last success. A token can be held, and usable, all the same.
func (c *Cache) Err(key registry.Key) error { return c.Status(key).Err }

// Status is how matters stand with an key.
type Status struct {
	Err     error     // as Err returns it
	NextTry time.Time // no call is made before; zero if one may be made now
}

// Status reports the last failure of key and when the API is asked again.
func (c *Cache) Status(key registry.Key) Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec, ok := c.records[key]
	if !ok || rec.err == nil {
		return Status{}
	}
	return Status{Err: rec.err, NextTry: rec.notUntil.Round(0)}
}

// recordOf returns the record of key, made if need be.
func (c *Cache) recordOf(key registry.Key) *record {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec, ok := c.records[key]
	if !ok {
		rec = &record{}
		c.records[key] = rec
	}
	return rec
}
