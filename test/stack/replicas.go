package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/process"
	"github.com/tcr-webhook/tcr-webhook/test/stack/service"
)

// startServers starts the replicas. One alone is called directly; several are
// behind a Service.
func (s *Stack) startServers(ctx context.Context, o Options) error {
	if err := s.writeFiles(o); err != nil {
		return fmt.Errorf("prepare tcr-webhook: %w", err)
	}
	var err error
	switch {
	case o.Mount != nil:
		err = o.Mount(ctx, s.path("tls"))
	case o.Certs != "self":
		s.ca, err = writeCertificate(s.path("tls"))
	}
	if err != nil {
		return err
	}
	for i := range o.Replicas {
		if err := s.startReplica(ctx, o, i); err != nil {
			return err
		}
	}
	s.Server = s.Servers[0]
	s.address = s.Server.Address
	if o.Replicas > 1 {
		return s.startService(ctx)
	}
	return nil
}

func (s *Stack) startReplica(ctx context.Context, o Options, i int) error {
	log := "tcr-webhook.log"
	if i > 0 {
		log = fmt.Sprintf("tcr-webhook-%d.log", i)
	}
	r := &Server{LogFile: s.path(log), binary: o.Binary, dir: s.dir, env: o.Env, flags: append([]string{"--certs", o.Certs}, o.Flags...), metadata: s.Cloud.MetadataURL()}
	s.Servers = append(s.Servers, r)
	s.stop = append(s.stop, r.Stop)
	_, err := process.OnFreePorts(ctx, 3, r.start)
	return err
}

// startService puts a Service in front of the replicas: connections go to
// those that say that they are ready.
func (s *Stack) startService(ctx context.Context) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the Service: %w", err)
	}
	s.address = l.Addr().String()
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	endpoints := &s.endpoints
	probe(ctx, endpoints, s.Servers) // so that there are some from the start
	var both sync.WaitGroup
	var balanced error
	both.Go(func() { balanced = endpoints.Balance(ctx, l) })
	both.Go(func() { probeOn(ctx, endpoints, s.Servers) })
	s.stop = append(s.stop, func() error {
		end()
		both.Wait()
		return balanced
	})
	return nil
}

// awaitReady returns when calls go to every replica that runs.
func (s *Stack) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		running, ready := 0, 0
		for _, r := range s.Servers {
			if !r.Running() {
				continue
			}
			running++
			if process.Get(ctx, http.DefaultClient, r.probes) == nil && (len(s.Servers) == 1 || slices.Contains(s.endpoints.Endpoints(), r.Address)) {
				ready++
			}
		}
		if ready == running {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the replicas: %d of %d are ready: %w", ready, running, context.Cause(ctx))
		case <-time.After(probeEvery / 4):
		}
	}
}

const (
	// readyTimeout is many times what a replica takes.
	readyTimeout = 30 * time.Second
	// probeEvery is faster than a kubelet, so that a test need not wait.
	probeEvery = 200 * time.Millisecond
	// probeTimeout is a kubelet's.
	probeTimeout = time.Second
)

func probeOn(ctx context.Context, endpoints *service.Service, replicas []*Server) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			probe(ctx, endpoints, replicas)
		}
	}
}

// probe looks which replicas are ready, all at once: one that stands still
// must not keep another out.
func probe(ctx context.Context, endpoints *service.Service, replicas []*Server) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, r := range replicas {
		all.Go(func() {
			if process.Get(ctx, http.DefaultClient, r.probes) == nil {
				endpoints.Add(r.Address)
			} else {
				endpoints.Remove(r.Address)
			}
		})
	}
	all.Wait()
}

// Leads is the metric of controller-runtime by which a replica tells that it
// holds the lease.
const Leads = `leader_election_master_status{name="tcr-webhook"} 1`

// ErrNoLeader is the answer of Leader while no replica leads.
var ErrNoLeader = errors.New("no replica leads")

// Leader finds the replica that leads.
func (s *Stack) Leader(ctx context.Context) (*Server, error) {
	for _, r := range s.Servers {
		if !r.Running() {
			continue
		}
		text, err := r.Scrape(ctx)
		if err == nil && strings.Contains(text, Leads) {
			return r, nil
		}
	}
	return nil, ErrNoLeader
}

// AwaitLeader returns the replica that leads as soon as there is one.
func (s *Stack) AwaitLeader(ctx context.Context) (*Server, error) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		leader, err := s.Leader(ctx)
		if err == nil {
			return leader, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// reviveAfter is how soon a process that ended is started again: a kubelet
// does so at once the first time, and after ten seconds the second.
const reviveAfter = time.Second

// Supervise starts replicas again that end by themselves, as a kubelet does,
// until ctx ends: one that loses its lease, for example, ends.
func (s *Stack) Supervise(ctx context.Context) error {
	tick := time.NewTicker(reviveAfter)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, r := range s.Servers {
			if err := r.revive(); err != nil {
				return err
			}
		}
	}
}
