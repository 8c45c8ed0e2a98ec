package credentials

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/credentials/pullsecret"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// ErrSource means that a fixed login cannot be read from its Secret.
var ErrSource = errors.New("fixed login cannot be read")

// Fixed adds to Tokens the logins that somebody keeps in Secrets of our own
// namespace, and follows them as they change. Use NewFixed.
type Fixed struct {
	Tokens // of all other keys

	live      client.Reader
	namespace string
	changed   func()
	wake      chan struct{} // capacity one

	mu     sync.RWMutex // guards what is below
	wanted map[registry.Key][]registry.Host
	logins map[registry.Key]token.Token
	errs   map[registry.Key]error
}

// fixedEvery is how often the Secrets are read. Each is read by its name, so
// that no right is needed to any other.
const fixedEvery = 10 * time.Second

// NewFixed returns a Fixed that has no login yet; Start reads them. live reads
// from the API server, and changed is called when a login has changed.
func NewFixed(tokens Tokens, live client.Reader, namespace string, changed func()) *Fixed {
	return &Fixed{Tokens: tokens, live: live, namespace: namespace, changed: changed, wake: make(chan struct{}, 1)}
}

// Want replaces the set of logins that are read: those of entries whose account
// is a Secret. A login that is known and still wanted stays.
func (f *Fixed) Want(entries []registry.Entry) {
	wanted := map[registry.Key][]registry.Host{}
	for _, e := range entries {
		if _, fixed := e.Account.Secret(); fixed {
			wanted[e.Key()] = append(wanted[e.Key()], e.Hosts.All()...)
		}
	}
	f.mu.Lock()
	f.wanted = wanted
	f.logins, f.errs = kept(f.logins, wanted), kept(f.errs, wanted)
	f.mu.Unlock()
	signal(f.wake)
}

// kept is the part of m whose keys are wanted.
func kept[V any](m map[registry.Key]V, wanted map[registry.Key][]registry.Host) map[registry.Key]V {
	k := map[registry.Key]V{}
	for key, v := range m {
		if _, ok := wanted[key]; ok {
			k[key] = v
		}
	}
	return k
}

// Peek implements Tokens.
func (f *Fixed) Peek(key registry.Key) (token.Token, bool) {
	if _, fixed := key.Account.Secret(); !fixed {
		return f.Tokens.Peek(key)
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	login, ok := f.logins[key]
	return login, ok
}

// Err implements Tokens. A login that was read once is served on when its Secret
// is away, and the error is there all the same.
func (f *Fixed) Err(key registry.Key) error {
	if _, fixed := key.Account.Secret(); !fixed {
		return f.Tokens.Err(key)
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.errs[key]
}

// Start reads the Secrets until ctx ends.
func (f *Fixed) Start(ctx context.Context) error {
	tick := time.NewTicker(fixedEvery)
	defer tick.Stop()
	for {
		f.readAll(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-tick.C:
		}
	}
}

// NeedLeaderElection is false: each replica may be asked for them.
func (f *Fixed) NeedLeaderElection() bool { return false }

func (f *Fixed) readAll(ctx context.Context) {
	f.mu.RLock()
	wanted := maps.Clone(f.wanted)
	f.mu.RUnlock()
	news := false
	for key, hosts := range wanted {
		login, err := f.read(ctx, key, hosts)
		if ctx.Err() != nil {
			return
		}
		news = f.file(ctx, key, login, err) || news
	}
	if news {
		f.changed()
	}
}

// file notes what came of reading a login, and reports whether it is another.
func (f *Fixed) file(ctx context.Context, key registry.Key, login token.Token, err error) bool {
	f.mu.Lock()
	old, before := f.logins[key], f.errs[key]
	if _, wanted := f.wanted[key]; !wanted {
		f.mu.Unlock()
		return false
	}
	f.errs[key] = err
	if err == nil {
		f.logins[key] = login
	}
	f.mu.Unlock()
	if err != nil && (before == nil || before.Error() != err.Error()) {
		log.FromContext(ctx).Error(err, "Fixed login not read; what was read before stays in use", "registry", key.ID)
	}
	return err == nil && old != login
}

func (f *Fixed) read(ctx context.Context, key registry.Key, hosts []registry.Host) (token.Token, error) {
	name, _ := key.Account.Secret()
	ctx, cancel := context.WithTimeout(ctx, fixedEvery)
	defer cancel()
	var s corev1.Secret
	err := f.live.Get(ctx, types.NamespacedName{Namespace: f.namespace, Name: name}, &s)
	switch {
	case apierrors.IsNotFound(err):
		err = fmt.Errorf("there is none; create it in namespace %s", f.namespace)
	case apierrors.IsForbidden(err):
		err = fmt.Errorf("our Role in namespace %s does not allow to get it by name", f.namespace)
	}
	var login token.Token
	if err == nil {
		login, err = loginIn(&s, hosts)
	}
	if err != nil {
		return token.Token{}, fmt.Errorf("%w: Secret %s: %w", ErrSource, name, err)
	}
	return login, nil
}

// loginIn finds the login for one of hosts in a Secret. One for another host is
// not used, even where it is the only one: it would be shown to the wrong
// registry.
func loginIn(s *corev1.Secret, hosts []registry.Host) (token.Token, error) {
	switch s.Type {
	case corev1.SecretTypeBasicAuth:
		return login(string(s.Data[corev1.BasicAuthUsernameKey]), string(s.Data[corev1.BasicAuthPasswordKey]))
	case corev1.SecretTypeDockerConfigJson:
	default:
		return token.Token{}, fmt.Errorf("it is of type %s, want %s or %s", s.Type, corev1.SecretTypeDockerConfigJson, corev1.SecretTypeBasicAuth)
	}
	logins, err := pullsecret.Decode(s.Data[dataKey])
	if err != nil {
		return token.Token{}, errors.New("its " + dataKey + " is not a docker config")
	}
	for written, l := range logins {
		if slices.Contains(hosts, hostOf(written)) {
			return login(l.Username, l.Password)
		}
	}
	return token.Token{}, fmt.Errorf("it has no login for %s", hosts[0])
}

// hostOf is the host in the key of a docker config, which may be written as a
// URL.
func hostOf(key registry.Host) registry.Host {
	host := strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(string(key)), "https://"), "http://")
	host, _, _ = strings.Cut(host, "/")
	return registry.Host(strings.TrimSuffix(host, ":443"))
}

func login(username, password string) (token.Token, error) {
	if username == "" || password == "" || strings.Contains(username, ":") {
		return token.Token{}, errors.New("it lacks a username or a password, or the username has a colon")
	}
	return token.Token{Username: username, Password: token.Secret(password)}, nil
}
