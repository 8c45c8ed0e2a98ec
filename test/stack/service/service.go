// Package service is a Service of Kubernetes without a cluster: it sends each
// new connection to the next of its endpoints and leaves those that there are
// where they are, as kube-proxy does. It knows nothing of what is served. For
// tests alone.
package service

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
)

// Service is a set of endpoints. The zero Service has none. All methods may be
// called at the same time.
type Service struct {
	mu        sync.Mutex
	endpoints []string // guarded by mu, as is the rest
	turn      int
	dials     int64
}

// ErrNoEndpoints is what a Service without endpoints answers.
var ErrNoEndpoints = errors.New("service without endpoints")

// Dial connects to an endpoint, whatever name is asked for. Nothing is copied
// on the way, so that the caller sees every reset and every refusal as it comes.
func (s *Service) Dial(ctx context.Context, network, _ string) (net.Conn, error) {
	address, err := s.next()
	if err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

func (s *Service) next() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.endpoints) == 0 {
		return "", ErrNoEndpoints
	}
	s.turn++
	s.dials++
	return s.endpoints[s.turn%len(s.endpoints)], nil
}

// Dials is how many connections were sent to an endpoint.
func (s *Service) Dials() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials
}

// Add has connections sent to address, too.
func (s *Service) Add(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.endpoints, address) {
		s.endpoints = append(s.endpoints, address)
	}
}

// Remove sends no further connection to address.
func (s *Service) Remove(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints = slices.DeleteFunc(s.endpoints, func(e string) bool { return e == address })
}

// Endpoints are the addresses that connections are sent to.
func (s *Service) Endpoints() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.endpoints)
}
