package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
)

// service sends each new connection to one of its endpoints at random and
// leaves the connections that there are where they are, as kube-proxy does.
// Nothing is copied on the way, so that the caller sees every reset and every
// refusal as it comes.
type service struct {
	dials atomic.Int64

	mu        sync.Mutex
	endpoints []string // guarded by mu
}

var errNoEndpoints = errors.New("service without endpoints")

func (s *service) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	address, err := s.choose()
	if err != nil {
		return nil, err
	}
	s.dials.Add(1)
	return new(net.Dialer).DialContext(ctx, network, address)
}

func (s *service) choose() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.endpoints) == 0 {
		return "", errNoEndpoints
	}
	return s.endpoints[rand.IntN(len(s.endpoints))], nil
}

func (s *service) add(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = append(s.endpoints, address)
}

func (s *service) remove(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = slices.DeleteFunc(s.endpoints, func(e string) bool { return e == address })
}
