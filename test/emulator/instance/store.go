package instance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Store holds the instances of the account, in the order they were added.
type Store struct {
	now   func() time.Time
	delay time.Duration

	// mu guards instances.
	mu        sync.Mutex
	instances []Instance
}

// NewStore returns an empty Store. Links and custom domains made through it
// are ready after delay.
func NewStore(now func() time.Time, delay time.Duration) *Store {
	return &Store{now: now, delay: delay}
}

// Put adds an instance, or replaces the one with the same id. It refuses an
// ill-formed one, and host names that another instance has.
func (s *Store) Put(i Instance) error {
	now := s.now()
	i, err := i.complete(now)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, host := range i.Hosts(now) {
		if other, ok := s.byHost(host); ok && other.ID != i.ID {
			return fmt.Errorf("instance %s: host %s belongs to %s", i.ID, host, other.ID)
		}
	}
	if n := s.index(i.ID); n >= 0 {
		s.instances[n] = i
	} else {
		s.instances = append(s.instances, i)
	}
	return nil
}

// Remove deletes an instance and reports whether there was one.
func (s *Store) Remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.index(id)
	if n >= 0 {
		s.instances = slices.Delete(s.instances, n, n+1)
	}
	return n >= 0
}

// All returns every instance.
func (s *Store) All() []Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Instance
	for _, i := range s.instances {
		all = append(all, i.at(s.now()))
	}
	return all
}

// Get returns one instance.
func (s *Store) Get(id string) (Instance, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.index(id)
	if n < 0 {
		return Instance{}, false
	}
	return s.instances[n].at(s.now()), true
}

// ByHost returns the instance that a host name, without port, belongs to.
func (s *Store) ByHost(host string) (Instance, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byHost(strings.ToLower(host))
}

// Change applies change to an instance, if it exists, unless change refuses.
func (s *Store) Change(id string, change func(*Instance) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.index(id)
	if n < 0 {
		return fmt.Errorf("change instance %s: no such instance", id)
	}
	changed := s.instances[n].clone()
	if err := change(&changed); err != nil {
		return err
	}
	s.instances[n] = changed
	return nil
}

// Ready is when a link or domain asked for now will be ready.
func (s *Store) Ready() time.Time { return s.now().Add(s.delay) }

// byHost is ByHost with s.mu held.
func (s *Store) byHost(host string) (Instance, bool) {
	now := s.now()
	for _, i := range s.instances {
		if slices.Contains(i.Hosts(now), host) {
			return i.at(now), true
		}
	}
	return Instance{}, false
}

// index is the place of an instance, -1 if there is none; s.mu is held.
func (s *Store) index(id string) int {
	return slices.IndexFunc(s.instances, func(i Instance) bool { return i.ID == id })
}

func (i Instance) clone() Instance {
	i.Tags = maps.Clone(i.Tags)
	i.Links = slices.Clone(i.Links)
	i.DNS = slices.Clone(i.DNS)
	i.CustomDomains = slices.Clone(i.CustomDomains)
	return i
}

// AddLink adds a private link that becomes Running later.
func (i *Instance) AddLink(vpc, subnet string, ready time.Time) {
	i.Links = append(i.Links, Link{VPC: vpc, Subnet: subnet, Status: "Pending", IP: madeUpIP(len(i.Links)), Ready: ready})
}
