package tokentest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// Script is an Issuer that does as it is told and keeps count. It knows every
// instance until it is told otherwise.
type Script struct {
	life time.Duration

	mu     sync.Mutex
	faults map[registry.Key]fault
	calls  []Call
}

// Call is one call of Issue.
type Call struct {
	Key registry.Key
	At  time.Time
}

type fault struct {
	err  error
	hang bool
}

// NewScript returns an Issuer of tokens that live for life.
func NewScript(life time.Duration) *Script {
	return &Script{life: life, faults: map[registry.Key]fault{}}
}

// Fail makes calls for key fail with err.
func (s *Script) Fail(key registry.Key, err error) { s.set(key, fault{err: err}) }

// Hang makes calls for key wait for the end of their context.
func (s *Script) Hang(key registry.Key) { s.set(key, fault{hang: true}) }

// Heal ends what Fail and Hang began.
func (s *Script) Heal(key registry.Key) { s.set(key, fault{}) }

// Calls lists the calls for key, or all of them for the zero key.
func (s *Script) Calls(key registry.Key) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := slices.Clone(s.calls)
	return slices.DeleteFunc(calls, func(c Call) bool { return key != registry.Key{} && c.Key != key })
}

// Issue implements token.Issuer. It takes a tenth of a second, and every
// token differs.
func (s *Script) Issue(ctx context.Context, key registry.Key) (token.Token, error) {
	asked := time.Now().Round(0)
	n, f := s.note(Call{Key: key, At: asked})
	latency := time.After(100 * time.Millisecond)
	if f.hang {
		latency = nil
	}
	select {
	case <-ctx.Done():
		return token.Token{}, ctx.Err()
	case <-latency:
	}
	if f.err != nil {
		return token.Token{}, fmt.Errorf("script for %s: %w", key, f.err)
	}
	return token.Token{
		Username:  "100012345678",
		Password:  token.Secret(fmt.Sprintf("password-%d", n)),
		IssuedAt:  asked,
		ExpiresAt: asked.Add(s.life),
	}, nil
}

func (s *Script) note(c Call) (int, fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
	return len(s.calls), s.faults[c.Key]
}

func (s *Script) set(key registry.Key, f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[key] = f
}
