package credentials

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/credentials/tokensecret"
)

// TokenSecretName is the Secret of our own namespace that holds the tokens.
const TokenSecretName = "tcr-webhook-tokens"

// TokenCache is what tokens are shared from and handed to.
type TokenCache interface {
	Held() map[registry.Key]token.Token
	Adopt(registry.Key, token.Token) bool
}

// Debts are what is still owed to namespaces.
type Debts interface {
	// Owed lists the namespaces, in order, that wait for their pull Secret.
	Owed() []string
	// Owe takes over what another replica owes.
	Owe(namespaces ...string)
}

// Descriptions are what the instances are called.
type Descriptions interface {
	Known() map[registry.ID]registry.Described
	Learn(map[registry.ID]registry.Described)
}

// Ways are how the instances are reached.
type Ways interface {
	Known() map[registry.ID]route.State
	Learn(map[registry.ID]route.State)
}

// Knowledge is what replicas share.
type Knowledge struct {
	Tokens       TokenCache
	Debts        Debts
	Descriptions Descriptions
	Ways         Ways
}

// SharedOptions are what a Shared works with.
type SharedOptions struct {
	// Cached reads the Secret as it is watched, Live as it is; Client writes it.
	Cached, Live client.Reader
	Client       client.Client
	// Namespace is our own.
	Namespace string
}

// Shared keeps one Secret of tokens in step with the caches of all replicas:
// what one of them obtained, every other one adopts, now or after a restart.
// Use NewShared.
type Shared struct {
	SharedOptions
	wake      chan struct{} // capacity one
	loaded    chan struct{} // closed by the first step that succeeds
	digestKey atomic.Pointer[[]byte]
	// Of Sync's goroutine:
	damaged []string // as last logged
	owed    []string // as last read
}

// NewShared returns a Shared; nothing runs until Start.
func NewShared(o SharedOptions) *Shared {
	return &Shared{SharedOptions: o, wake: make(chan struct{}, 1), loaded: make(chan struct{})}
}

// DigestKey keys the digests of pull Secrets, alike on all replicas. It is nil
// until the Secret has been read, or made.
func (s *Shared) DigestKey() []byte {
	if key := s.digestKey.Load(); key != nil {
		return *key
	}
	return nil
}

// Loaded is closed when what other replicas know has been adopted. Before it,
// no token should be asked for.
func (s *Shared) Loaded() <-chan struct{} { return s.loaded }

// Changed says that the Secret, or a token, has changed.
func (s *Shared) Changed() {
	signal(s.wake)
}

const (
	// shareAgain is how soon a write that failed is tried again, doubled up to
	// shareAtLeast, which is also how often the Secret is looked at unasked.
	shareAgain   = 250 * time.Millisecond
	shareAtLeast = 30 * time.Second
	shareTimeout = 5 * time.Second
)

// Sync keeps the Secret in step with k until ctx ends.
func (s *Shared) Sync(ctx context.Context, k Knowledge) error {
	retry := shareAgain
	for {
		err := s.step(ctx, k)
		wait := shareAtLeast
		if err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "Tokens not shared with the other replicas; tried again", "in", retry.String())
			wait, retry = retry, min(2*retry, shareAtLeast)
		} else {
			retry = shareAgain
		}
		if !pause(ctx, wait, s.wake) {
			return nil
		}
	}
}

// step adopts what the Secret has and adds what it lacks.
func (s *Shared) step(ctx context.Context, k Knowledge) error {
	ctx, cancel := context.WithTimeout(ctx, shareTimeout)
	defer cancel()
	err := s.exchange(ctx, s.Cached, k)
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		err = s.exchange(ctx, s.Live, k) // another replica was faster than our watch
	}
	if err != nil {
		return fmt.Errorf("token secret %s: %w", TokenSecretName, err)
	}
	return nil
}

func (s *Shared) exchange(ctx context.Context, from client.Reader, k Knowledge) error {
	secret, err := s.read(ctx, from)
	if err != nil {
		return err
	}
	stored, damaged := tokensecret.Decode(secret.Data)
	stored = stored.Plausible(time.Now())
	s.note(ctx, damaged)
	for key, tok := range stored.Tokens {
		k.Tokens.Adopt(key, tok)
	}
	k.Descriptions.Learn(stored.Instances)
	k.Ways.Learn(stored.Routes)
	for _, namespace := range stored.Owed {
		if _, seen := slices.BinarySearch(s.owed, namespace); !seen {
			k.Debts.Owe(namespace)
		}
	}
	s.owed = stored.Owed
	merged, news := stored.Merge(tokensecret.Known{Tokens: k.Tokens.Held(), Owed: k.Debts.Owed(), Instances: k.Descriptions.Known(), Routes: k.Ways.Known()}, time.Now())
	if stored.DigestKey == nil {
		merged.DigestKey, news = s.newDigestKey(), true
	}
	if news {
		if err := s.write(ctx, secret, merged); err != nil {
			return err
		}
	}
	s.owed = merged.Owed
	if s.digestKey.Swap(&merged.DigestKey) == nil {
		close(s.loaded)
	}
	return nil
}

// read returns the Secret, or an empty one if there is none.
func (s *Shared) read(ctx context.Context, from client.Reader) (*corev1.Secret, error) {
	var secret corev1.Secret
	err := from.Get(ctx, types.NamespacedName{Namespace: s.Namespace, Name: TokenSecretName}, &secret)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return &secret, nil
}

// newDigestKey is the key that is known already, if the Secret was lost, or a
// new one.
func (s *Shared) newDigestKey() []byte {
	if key := s.DigestKey(); key != nil {
		return key
	}
	key := make([]byte, tokensecret.DigestKeyLength)
	_, _ = rand.Read(key) // never fails; the program ends if it did
	return key
}

// write replaces what the Secret holds if it is still as old is. A Secret that
// is not there is applied, since creating by name is all we may; should two
// replicas do so at once, each finds the other's in the watch.
func (s *Shared) write(ctx context.Context, old *corev1.Secret, c tokensecret.Content) error {
	data, err := c.Encode()
	if err != nil {
		return err
	}
	ac := corev1ac.Secret(TokenSecretName, s.Namespace).
		WithType(corev1.SecretTypeOpaque).
		WithLabels(labelsOfOurs()).
		WithData(data)
	opts := []client.ApplyOption{client.FieldOwner(FieldManager), client.ForceOwnership}
	if old.ResourceVersion != "" {
		ac.WithUID(old.UID).WithResourceVersion(old.ResourceVersion)
	}
	if err := s.Client.Apply(ctx, ac, opts...); err != nil {
		return fmt.Errorf("write: %w", withoutContent(err))
	}
	return nil
}

// withoutContent is err in words that cannot hold what was sent: an answer that
// refuses an object may quote it.
func withoutContent(err error) error {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		if reason := status.Status().Reason; !apierrors.IsConflict(err) && !apierrors.IsForbidden(err) {
			return fmt.Errorf("the API server answers %s (%d)", reason, status.Status().Code)
		}
	}
	return err
}

// note logs what cannot be read, once.
func (s *Shared) note(ctx context.Context, damaged []string) {
	slices.Sort(damaged)
	if slices.Equal(damaged, s.damaged) {
		return
	}
	s.damaged = damaged
	if len(damaged) > 0 {
		log.FromContext(ctx).Info("Token Secret holds what cannot be read; it is written anew with the next token", "secret", TokenSecretName, "keys", damaged)
	}
}
