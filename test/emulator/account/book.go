package account

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"
)

// Book is the account: identities, roles, sessions and long-term tokens.
type Book struct {
	owner  string
	now    func() time.Time
	signer *signer

	// mu guards all below.
	mu         sync.Mutex
	life       time.Duration // of temporary tokens
	identities map[string]*entry
	roles      map[string]Role // by ARN
	sessions   map[string]Session
	// sessionLife replaces the life that is asked for, if it is not zero.
	sessionLife time.Duration
	node        string // the ARN of the machine's role, or ""
	nodeSession Session
	longTerm    []LongTerm
}

type entry struct {
	Identity
	revoked bool
}

// TemporaryLife is the life of a temporary token of the real service.
const TemporaryLife = time.Hour

// NewBook returns a Book of the main account owner, telling time by now.
func NewBook(owner string, now func() time.Time) (*Book, error) {
	signer, err := newSigner()
	if err != nil {
		return nil, err
	}
	return &Book{
		owner: owner, now: now, signer: signer, life: TemporaryLife,
		identities: map[string]*entry{}, roles: map[string]Role{}, sessions: map[string]Session{},
	}, nil
}

// Owner is the UIN of the main account.
func (b *Book) Owner() string { return b.owner }

// Add puts an identity into the book, in place of one with the same SecretId.
func (b *Book) Add(i Identity) {
	if i.OwnerUIN == "" {
		i.OwnerUIN = b.owner
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.identities[i.SecretID] = &entry{Identity: i}
}

// Identities returns all identities, by SecretId.
func (b *Book) Identities() []Identity {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Identity
	for _, e := range b.identities {
		all = append(all, e.Identity)
	}
	slices.SortFunc(all, func(x, y Identity) int { return strings.Compare(x.SecretID, y.SecretID) })
	return all
}

// SetRevoked disables an identity or enables it again. A disabled one can call
// nothing, and every pull token of its UIN is refused, temporary ones too. It
// reports whether there is such an identity.
func (b *Book) SetRevoked(secretID string, revoked bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.identities[secretID]
	if ok {
		e.revoked = revoked
	}
	return ok
}

// SetTokenLifetime sets the life of the temporary tokens issued from now on.
func (b *Book) SetTokenLifetime(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.life = d
}

// AddRole puts a role into the book and returns it with its defaults filled in.
func (b *Book) AddRole(r Role) Role {
	if r.OwnerUIN == "" {
		r.OwnerUIN = b.owner
	}
	if r.Audience == "" {
		r.Audience = DefaultAudience
	}
	if r.UIN == "" {
		r.UIN = "1000" + digits(8)
	}
	r.id = "4611686018427" + digits(6)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roles[r.ARN()] = r
	return r
}

// Caller is who signed a request.
type Caller struct {
	SecretID string
	UIN      string // what its pull tokens carry
	OwnerUIN string
	Role     *Role  // nil for an identity
	Session  string // RoleSessionName
	Creator  string // UIN that made the session

	allows func(action, resource string) bool
}

// Allows reports whether the caller may perform action on resource.
func (c Caller) Allows(action, resource string) bool { return c.allows(action, resource) }

// RoleID is the number of the caller's role.
func (c Caller) RoleID() string { return c.Role.id }

// Reasons to refuse a caller.
var (
	ErrNoSecretID   = errors.New("no such SecretId")
	ErrSessionToken = errors.New("session token wrong or expired")
)

// Lookup finds the caller behind a SecretId and the key to check its
// signature with. sessionToken is the X-TC-Token sent, if any.
func (b *Book) Lookup(secretID, sessionToken string) (caller Caller, secretKey string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, ok := b.identities[secretID]; ok && !e.revoked {
		if sessionToken != "" {
			return Caller{}, "", ErrSessionToken
		}
		return Caller{SecretID: secretID, UIN: e.UIN, OwnerUIN: e.OwnerUIN, allows: e.Allows}, e.SecretKey, nil
	}
	s, ok := b.sessions[secretID]
	if !ok {
		return Caller{}, "", ErrNoSecretID
	}
	if s.Token != sessionToken || !b.now().Before(s.Expires) {
		return Caller{}, "", ErrSessionToken
	}
	role := b.roles[s.role]
	return Caller{
		SecretID: secretID, UIN: role.UIN, OwnerUIN: role.OwnerUIN, allows: role.Allows,
		Role: &role, Session: s.name, Creator: s.creator,
	}, s.SecretKey, nil
}

// NewIdentity makes a throw-away identity that may do everything.
func (b *Book) NewIdentity() Identity {
	return Identity{
		SecretID:  "AKID" + randomText(32),
		SecretKey: randomText(32),
		UIN:       "1000" + digits(8),
		OwnerUIN:  b.owner,
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func randomText(n int) string { return random(alphabet, n) }

func digits(n int) string { return random("0123456789", n) }

func random(alphabet string, n int) string {
	text := make([]byte, n)
	for i := range text {
		at, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(fmt.Sprintf("no randomness: %v", err)) // never since Go 1.24
		}
		text[i] = alphabet[at.Int64()]
	}
	return string(text)
}
