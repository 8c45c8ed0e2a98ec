package credentials

import (
	"context"
	"maps"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Describer asks what an instance is called.
type Describer interface {
	Hosts(context.Context, registry.ID) (registry.Hosts, error)
}

// Instances keeps the directory of registries: the configured entries, with
// the host names that the configuration leaves out asked of a Describer. Use
// NewInstances.
type Instances struct {
	describer atomic.Pointer[Describer]
	directory atomic.Pointer[registry.Directory]
	changed   func()
	settle    func(*registry.Entry) // gives an entry the route in force
	wake      chan struct{}         // capacity one

	mu      sync.Mutex // guards what is below
	entries []registry.Entry
	known   map[registry.ID]registry.Described
	failed  map[registry.ID]error // why hosts are not known
	asked   bool                  // of each entry, whether or not there was an answer
	anew    bool                  // all are to be asked for again, fresh or not
}

const (
	// rediscover is how often known hosts are asked for again, by whichever
	// replica comes first: custom domains come and go by hand.
	rediscover = 10 * time.Minute
	// askAgain is how often it is seen whether any are due; as much is added
	// by chance, so that the replicas do not ask at once.
	askAgain = 30 * time.Second
	// retryDescribe is how soon an instance whose hosts are unknown is asked
	// for again; as much is added by chance.
	retryDescribe = 3 * time.Second
	// firstAnswer is how long admission is held up by an API that does not
	// answer. Then pods pass with what is known: images of an instance whose
	// hosts are not stay as written, with the pull secret's name.
	firstAnswer = 3 * time.Second
)

// NewInstances returns a keeper of the directory that calls changed, on its
// own goroutine, after the directory was replaced. Each entry's route is what
// settle makes of it, see Resettle.
func NewInstances(settle func(*registry.Entry), changed func()) *Instances {
	return &Instances{
		changed: changed, settle: settle, wake: make(chan struct{}, 1),
		known: map[registry.ID]registry.Described{}, failed: map[registry.ID]error{},
	}
}

// Resettle replaces the directory by one of the routes in force now.
func (i *Instances) Resettle() { i.publish(false) }

// Directory is the registries there are, or nil while they are not known yet.
func (i *Instances) Directory() *registry.Directory { return i.directory.Load() }

// Set replaces the configured entries and where their hosts are asked for.
// Hosts that are known already stay known.
func (i *Instances) Set(entries []registry.Entry, d Describer) {
	i.describer.Store(&d)
	i.mu.Lock()
	i.entries, i.anew = entries, true
	i.mu.Unlock()
	i.publish(false)
	signal(i.wake)
}

// Known is what the instances that were asked for are called.
func (i *Instances) Known() map[registry.ID]registry.Described {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.known)
}

// Learn takes over what another replica knows, where that is newer.
func (i *Instances) Learn(known map[registry.ID]registry.Described) {
	i.mu.Lock()
	news := false
	for id, d := range known {
		if old, ok := i.known[id]; (!ok || d.At.After(old.At)) && d.Hosts.Public != "" {
			news = news || !reflect.DeepEqual(old.Hosts, d.Hosts)
			i.known[id] = d
			delete(i.failed, id)
		}
	}
	i.mu.Unlock()
	if news {
		i.publish(false)
	}
}

// Start asks for host names until ctx ends.
func (i *Instances) Start(ctx context.Context) error {
	first := time.AfterFunc(firstAnswer, func() { i.publish(true) })
	defer first.Stop()
	for {
		complete := i.discover(ctx)
		for _, c := range i.publish(true) {
			log.FromContext(ctx).Info("Two instances claim one host", "host", c.Host, "kept", c.Kept, "lost", c.Taken)
		}
		wait := askAgain + rand.N(askAgain)
		if !complete {
			wait = retryDescribe + rand.N(retryDescribe)
		}
		if !pause(ctx, wait, i.wake) {
			return nil
		}
	}
}

// NeedLeaderElection is false: admission needs the directory on each replica.
func (i *Instances) NeedLeaderElection() bool { return false }

// discover asks once for the hosts of each entry that does not give them, and
// tells whether all are known.
func (i *Instances) discover(ctx context.Context) (complete bool) {
	var group errgroup.Group
	describer := *i.describer.Load()
	for _, id := range i.due(time.Now()) {
		group.Go(func() error {
			hosts, err := describer.Hosts(ctx, id)
			if err != nil {
				i.mu.Lock()
				i.failed[id] = err
				i.mu.Unlock()
				log.FromContext(ctx).Error(err, "Hosts of an instance are not known; its images stay as written until they are", "instance", id)
				return err
			}
			i.mu.Lock()
			defer i.mu.Unlock()
			delete(i.failed, id)
			i.known[id] = registry.Described{Hosts: hosts, At: time.Now().Round(0)}
			return nil
		})
	}
	return group.Wait() == nil
}

// due lists the instances whose hosts the configuration leaves out, and nobody
// has asked for lately.
func (i *Instances) due(now time.Time) []registry.ID {
	i.mu.Lock()
	defer i.mu.Unlock()
	anew := i.anew
	i.anew = false
	seen := map[registry.ID]struct{}{}
	var ids []registry.ID
	for _, e := range i.entries {
		if _, again := seen[e.ID]; again || e.Hosts.Public != "" {
			continue
		}
		seen[e.ID] = struct{}{}
		if d, ok := i.known[e.ID]; !ok || anew || now.Sub(d.At) >= rediscover {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// publish replaces the directory by what is known now. Before every instance
// was asked for once there is none, unless nothing has to be asked.
func (i *Instances) publish(asked bool) []registry.Conflict {
	i.mu.Lock()
	i.asked = i.asked || asked
	entries, complete := i.described()
	if !i.asked && !complete {
		i.mu.Unlock()
		return nil
	}
	d, conflicts := registry.NewDirectory(entries)
	i.directory.Store(d) // within the lock, so that an older one never comes last
	i.mu.Unlock()
	i.changed()
	return conflicts
}

// described is the entries with the hosts that are known and the routes in
// force. The caller holds mu.
func (i *Instances) described() (entries []registry.Entry, complete bool) {
	complete = true
	for _, e := range i.entries {
		if e.Hosts.Public == "" {
			e.Hosts = i.known[e.ID].Hosts
		}
		i.settle(&e)
		if err := i.failed[e.ID]; e.Hosts.Public == "" && lasting(err) {
			e.Reach = registry.Reach{Reason: registry.HostsNotKnown, Advice: problemOf(err).Text}
		}
		complete = complete && e.Hosts.Public != ""
		entries = append(entries, e)
	}
	return entries, complete
}
