package certs

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// SelfOptions are what a Self works with. All of them are needed, but for
// Repaired.
type SelfOptions struct {
	// Cached reads the Secret as it is watched, Live as it is; Client writes.
	Cached, Live client.Reader
	Client       client.Client
	// Namespace is our own.
	Namespace string
	// Names are those that the certificate is for.
	Names []string
	Lives Lives
	// Registrations are those that are there and can be read, as watched.
	Registrations func(context.Context) []Registration
	// Leading tells whether this replica leads. It goes first; the others do
	// what is not done soon.
	Leading func() bool
	// Repaired is told of a caBundle that was not as we had left it.
	Repaired func(Registration)
}

// Self makes its own certificates: each replica its own leaf, in memory, and
// all together the CAs in the Secret. Use NewSelf.
type Self struct {
	replica
	SelfOptions
	clock    clock
	wake     chan struct{} // capacity one
	injector injector
	problem  atomic.Pointer[string]

	authorities atomic.Pointer[Content] // as last read
}

// NewSelf checks options; nothing runs until Start.
func NewSelf(o SelfOptions) (*Self, error) {
	if o.Cached == nil || o.Live == nil || o.Client == nil || o.Namespace == "" || len(o.Names) == 0 || o.Registrations == nil || o.Leading == nil {
		return nil, errors.New("certificates: an option is missing")
	}
	if err := o.Lives.Check(); err != nil {
		return nil, err
	}
	if o.Repaired == nil {
		o.Repaired = func(Registration) {}
	}
	s := &Self{SelfOptions: o, clock: newClock(), wake: make(chan struct{}, 1)}
	s.replica = replica{Holder: Holder{settling: o.Lives.settling()}, names: o.Names, lives: o.Lives}
	s.injector = injector{client: o.Client, repaired: o.Repaired}
	return s, nil
}

const (
	// lookEvery is how often all is looked at unasked: the wall clock may have
	// been set, and a machine may have been suspended.
	lookEvery = time.Minute
	// retryFirst is how soon what failed is tried again, doubled up to lookEvery.
	retryFirst = 100 * time.Millisecond
	// stepTimeout bounds the calls of one look.
	stepTimeout = 5 * time.Second
)

// Changed says that the Secret or a registration has changed.
func (s *Self) Changed() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// NeedLeaderElection is false: every replica has its certificate.
func (s *Self) NeedLeaderElection() bool { return false }

// Problem is what cannot be done at present; "" for nothing.
func (s *Self) Problem() string {
	if p := s.problem.Load(); p != nil {
		return *p
	}
	return ""
}

// Authority is the CA that signs, as last read; nil for none.
func (s *Self) Authority() *Authority {
	if c := s.authorities.Load(); c != nil {
		return c.Current
	}
	return nil
}

// Start keeps certificates until ctx ends.
func (s *Self) Start(ctx context.Context) error {
	retry := retryFirst
	for {
		wait, err := s.step(ctx)
		if err != nil {
			wait, retry = retry, min(2*retry, lookEvery)
		} else {
			retry = retryFirst
		}
		s.note(ctx, err, retry)
		if !sleep(ctx, wait, s.wake) {
			return nil
		}
	}
}

// step looks once, does what is to be done, and tells when to look again.
func (s *Self) step(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	stored, err := readSecret(ctx, s.Cached, s.Namespace)
	if err != nil {
		return 0, err
	}
	v := view{content: ParseContent(stored.Data), registrations: s.Registrations(ctx), at: s.clock.now()}
	s.authorities.Store(&v.content)
	plan, err := s.look(v)
	if err != nil {
		return 0, err
	}
	torn := s.torn(v)
	wait := min(max(plan.Wait, retryFirst), lookEvery)
	turn := Turn{Plan: plan, Torn: len(torn) > 0, Leading: s.Leading(), First: stored.ResourceVersion == ""}
	if other := s.untilTurn(turn, v.at.Up); other > 0 {
		return min(wait, other+rand.N(patience)), nil
	}
	if plan.Action != Rest {
		err = s.write(ctx, stored, v, plan)
	}
	return wait, errors.Join(err, s.inject(ctx, torn))
}

// torn lists the registrations whose caBundle is not what it should be.
func (s *Self) torn(v view) []Registration {
	var torn []Registration
	for _, r := range v.registrations {
		switch {
		case s.tears(r, v.content, v.at.Wall):
			torn = append(torn, r)
		case v.content.Current != nil:
			s.injector.whole(r, v.content.Bundle())
		}
	}
	return torn
}

// write does plan's step on the Secret.
func (s *Self) write(ctx context.Context, stored *secret, v view, plan Plan) error {
	log := log.FromContext(ctx)
	next, err := s.situation(v, 0).After(plan.Action, func() (*Authority, error) { return NewAuthority(v.at.Wall, s.Lives.CA) })
	if err != nil {
		return err
	}
	err = stored.write(ctx, s.Client, next)
	if changedSince(err) {
		log.V(1).Info("Certificate authorities were changed by another replica")
		return err
	}
	if err != nil {
		return err
	}
	log.Info("Certificate authorities changed", "step", string(plan.Action), "reason", plan.Reason, "trusted", labels(next.Bundle()))
	return nil
}

// inject writes the caBundle of torn registrations. By the watched Secret they
// are torn; what is written is by the Secret as it is, since a watch may be
// behind.
func (s *Self) inject(ctx context.Context, torn []Registration) error {
	if len(torn) == 0 {
		return nil
	}
	stored, err := readSecret(ctx, s.Live, s.Namespace)
	if err != nil {
		return err
	}
	content := ParseContent(stored.Data)
	var errs []error
	for _, r := range torn {
		if s.tears(r, content, s.clock.now().Wall) {
			errs = append(errs, s.injector.inject(ctx, r, content.Bundle()))
		}
	}
	return errors.Join(errs...)
}

// note keeps what is wrong for who asks, and logs it once. That somebody was
// faster is nothing wrong, unless it goes on.
func (s *Self) note(ctx context.Context, err error, retry time.Duration) {
	text := ""
	if err != nil && ctx.Err() == nil && (!changedSince(err) || retry > stepTimeout) {
		text = err.Error()
	}
	if last := s.problem.Swap(&text); text != "" && (last == nil || *last != text) {
		log.FromContext(ctx).Error(err, "Certificates not as they should be; tried again")
	}
}

// changedSince tells whether a write was decided on a version that is not the
// newest.
func changedSince(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || errors.Is(err, errChanged)
}

// sleep waits for d, or until wake is signalled if that is sooner, and reports
// whether ctx goes on.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C:
	}
	return true
}
