package credentials

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// Tokens gives the tokens there are, from memory.
type Tokens interface {
	// Peek returns a token that works, if there is one.
	Peek(registry.Key) (token.Token, bool)
	// Err is why there is none.
	Err(registry.Key) error
}

// Options are what a Keeper works with.
type Options struct {
	// Client reads from caches and writes. Live reads from the API server.
	Client client.Client
	Live   client.Reader
	// Namespaces are the metadata of all, from the same cache, for whom only
	// reads: a list of the client's is a copy of them.
	Namespaces func() iter.Seq[*metav1.PartialObjectMetadata]
	Tokens     Tokens
	// Directory is the registries there are; nil until they are known.
	Directory func() *registry.Directory
	// DigestKey keys the digests that Secrets carry; nil until it is known,
	// and nothing is written before.
	DigestKey func() []byte
	// SecretName is the name of every pull Secret.
	SecretName string
	// OwnNamespace never gets one.
	OwnNamespace string
	Metrics      *Metrics
	Events       Events // may be nil
	// Owing is called when what Owed answers may have changed.
	Owing func()
}

// Keeper makes pull Secrets what they should be. Use NewKeeper.
type Keeper struct {
	Options
	demand demand
	flight singleflight.Group
	asking *rate.Limiter // of looks at namespaces that the cache does not have
	grace  atomic.Int64  // time.Duration
	places chan struct{} // of those who wait for a write

	writing chan struct{} // those that are being made

	unwanted unwanted
	quarrels quarrels
	observer observer

	expected chan string // namespaces, see Expect
}

const (
	// strangersPerSecond and strangersAtOnce bound how often the API server is
	// asked for a namespace that the cache does not have. Whoever reaches the
	// webhook's port can name any; hundreds of real ones may be created at once.
	strangersPerSecond, strangersAtOnce = 200, 500
	// writeTimeout bounds one pass over a namespace. It does not end with the
	// admission that started it.
	writeTimeout = 10 * time.Second
	// waiters bounds the admissions held at once for a Secret to be written; a
	// burst beyond it is admitted with the Secret's name, and a warning.
	waiters = 512
	// writesInFlight is how many writes the API server is sent at once. It holds
	// some three hundred of one caller back before it turns them away for a
	// second, and three replicas may write at the same time.
	writesInFlight = 48
)

// NewKeeper returns a keeper; nothing runs until Start.
func NewKeeper(o Options) *Keeper {
	return &Keeper{
		Options: o,
		demand:  newDemand(),
		asking:  rate.NewLimiter(strangersPerSecond, strangersAtOnce),
		places:  make(chan struct{}, waiters),
		writing: make(chan struct{}, writesInFlight),

		expected: make(chan string, expectations),
	}
}

// SetGrace sets how long Ensure may wait for a Secret to be written.
func (k *Keeper) SetGrace(d time.Duration) { k.grace.Store(int64(d)) }

// errGone says that the namespace is not there, or on its way out.
var errGone = errors.New("namespace is gone or terminating")

// errPaused says that a repair waits, since somebody keeps undoing ours.
type errPaused struct{ wait time.Duration }

func (e errPaused) Error() string {
	return fmt.Sprintf("somebody keeps changing it; repaired again in %s", e.wait.Round(time.Second))
}

// converge brings the pull Secret of a namespace to what it should be, now. At
// most one pass runs for a namespace at a time; callers share it.
func (k *Keeper) converge(ctx context.Context, namespace string) <-chan singleflight.Result {
	return k.flight.DoChan(namespace, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
		defer cancel()
		v, err := k.look(ctx, namespace)
		if err == nil {
			err = k.act(ctx, namespace, v)
		}
		if err != nil {
			return v.plan, fmt.Errorf("pull secret of namespace %s: %w", namespace, err)
		}
		return v.plan, nil
	})
}

// view is what was seen of a namespace, and what follows from it.
type view struct {
	observed Observed
	want     []Login
	plan     Plan
}

// nothing is the view of a namespace that gets no Secret.
func nothing() view { return view{plan: Plan{Action: Keep}} }

// look reads what there is and decides. It changes nothing.
func (k *Keeper) look(ctx context.Context, namespace string) (view, error) {
	if namespace == k.OwnNamespace {
		return nothing(), nil
	}
	directory := k.Directory()
	if directory == nil || k.DigestKey() == nil {
		return view{plan: Plan{Action: Wait}}, nil
	}
	ns, err := k.namespace(ctx, namespace)
	if err != nil {
		return nothing(), err
	}
	o, err := k.observe(ctx, namespace)
	if err != nil {
		return nothing(), err
	}
	k.tellOf(namespace)(refused(directory, ns))
	if !o.Exists && !delivery.Unasked(directory, ns) && !k.demand.has(namespace) {
		return nothing(), nil // nobody asked yet
	}
	v := view{observed: o, want: k.wanted(directory, ns)}
	now := time.Now()
	v.plan = Decide(o, v.want, Moment{Namespace: namespace, Now: now, Unwanted: k.unwanted.since(namespace, len(v.want) == 0 && o.Exists, now)})
	k.tellOf(namespace)(seen(v, k.SecretName))
	return v, nil
}

// lost notes that the Secret of a namespace was deleted. Pods relied on it, so
// what somebody deleted by hand comes back; what went with its namespace, or
// because nothing calls for it, does not.
func (k *Keeper) lost(ctx context.Context, namespace string) {
	if _, err := readNamespace(ctx, k.Client, namespace); err != nil {
		k.quarrels.end(namespace)
		k.unwanted.since(namespace, false, time.Time{})
		return
	}
	k.demand.add(namespace, time.Now())
	k.quarrels.begin(namespace, time.Now())
}

// namespace reads what selects a namespace: from the cache, or live when it is
// younger than what the cache has seen.
func (k *Keeper) namespace(ctx context.Context, name string) (delivery.Namespace, error) {
	ns, err := readNamespace(ctx, k.Client, name)
	if apierrors.IsNotFound(err) {
		if !k.asking.Allow() {
			return delivery.Namespace{}, errors.New("not in the cache yet, and too many such are asked for")
		}
		ns, err = readNamespace(ctx, k.Live, name)
	}
	switch {
	case apierrors.IsNotFound(err) || errors.Is(err, errGone):
		return ns, errGone
	case err != nil:
		return ns, fmt.Errorf("read namespace: %w", err)
	}
	return ns, nil
}

// readNamespace reads the metadata of a namespace. One that is on its way out
// is errGone.
func readNamespace(ctx context.Context, from client.Reader, name string) (delivery.Namespace, error) {
	var meta metav1.PartialObjectMetadata
	meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := from.Get(ctx, types.NamespacedName{Name: name}, &meta); err != nil {
		return delivery.Namespace{}, err
	}
	if meta.DeletionTimestamp != nil {
		return delivery.Namespace{}, errGone
	}
	return delivery.Namespace{
		Namespace: registry.Namespace{Name: name, Labels: LabelsOf(&meta)},
		Deliver:   meta.Annotations[delivery.Annotation],
	}, nil
}

func (k *Keeper) observe(ctx context.Context, namespace string) (Observed, error) {
	return k.observeIn(ctx, namespace, new(corev1.Secret))
}

// observeIn is observe for whoever has a Secret to read it into: 10,000 of their
// own are 3 MB.
func (k *Keeper) observeIn(ctx context.Context, namespace string, s *corev1.Secret) (Observed, error) {
	err := k.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: k.SecretName}, s)
	switch {
	case apierrors.IsNotFound(err):
		return Observed{}, nil
	case err != nil:
		return Observed{}, fmt.Errorf("read secret %s: %w", k.SecretName, err)
	}
	return k.observer.observe(s, k.DigestKey()), nil
}

// wanted lists the logins of ns.
func (k *Keeper) wanted(d *registry.Directory, ns delivery.Namespace) []Login {
	entries := delivery.Entries(d, ns.Namespace)
	want := make([]Login, 0, len(entries))
	for _, e := range entries {
		login := Login{Key: e.Key(), Hosts: e.Hosts.All()}
		if len(login.Hosts) > 0 { // else there is nothing to log in to yet
			login.Token, _ = k.Tokens.Peek(login.Key)
		}
		if login.usable() && !login.expires() {
			login.Version = versionOf(k.DigestKey(), login.Token.Username, login.Token.Password.Reveal())
		}
		want = append(want, login)
	}
	return want
}
