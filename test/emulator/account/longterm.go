package account

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// LongTerm is the record of a long-term token, without the token: that was
// shown once.
type LongTerm struct {
	ID         string
	RegistryID string
	UIN        string
	Desc       string
	Enabled    bool
	Created    time.Time
	Expires    time.Time
}

// ErrNoToken tells that an instance has no long-term token of an id.
var ErrNoToken = errors.New("no such long-term token")

// IssueTemporary makes a temporary pull token for uin.
func (b *Book) IssueTemporary(owner, uin string) (PullToken, error) {
	b.mu.Lock()
	life := b.life
	b.mu.Unlock()
	return b.issue(owner, uin, life, "")
}

// IssueLongTerm makes a long-term pull token for uin and keeps a record of it.
func (b *Book) IssueLongTerm(owner, uin, registryID, desc string) (PullToken, error) {
	id := random("abcdefghijklmnopqrstuv0123456789", 20) // like cmcq9h1kuh5kqmfrvarg
	token, err := b.issue(owner, uin, LongTermLife, id)
	if err != nil {
		return PullToken{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.longTerm = append(b.longTerm, LongTerm{
		ID: id, RegistryID: registryID, UIN: uin, Desc: desc, Enabled: true, Created: b.now(), Expires: token.Expires,
	})
	return token, nil
}

func (b *Book) issue(owner, uin string, life time.Duration, id string) (PullToken, error) {
	now := b.now()
	if now.Nanosecond() < int(time.Millisecond) {
		now = now.Add(time.Millisecond) // ExpTime never ends in 000: nobody shall take it for seconds times 1000
	}
	expires := now.Add(life)
	raw, err := b.signer.sign(claims{
		OwnerUIN: owner, OperatorUIN: uin,
		Expires: expires.Unix(), NotBefore: now.Unix(), IssuedAt: now.Unix(), TokenID: id,
	})
	if err != nil {
		return PullToken{}, fmt.Errorf("sign pull token of %s: %w", uin, err)
	}
	return PullToken{Username: uin, Token: raw, Expires: expires, ID: id}, nil
}

// LongTermTokens lists the long-term tokens of an instance, oldest first.
func (b *Book) LongTermTokens(registryID string) []LongTerm {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []LongTerm
	for _, t := range b.longTerm {
		if t.RegistryID == registryID {
			found = append(found, t)
		}
	}
	return found
}

// ChangeLongTerm applies change to the record of a long-term token.
func (b *Book) ChangeLongTerm(registryID, id string, change func(*LongTerm)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.findLongTerm(registryID, id)
	if i < 0 {
		return ErrNoToken
	}
	change(&b.longTerm[i])
	return nil
}

// DeleteLongTerm removes a long-term token; it logs in nowhere any more.
func (b *Book) DeleteLongTerm(registryID, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.findLongTerm(registryID, id)
	if i < 0 {
		return ErrNoToken
	}
	b.longTerm = slices.Delete(b.longTerm, i, i+1)
	return nil
}

func (b *Book) findLongTerm(registryID, id string) int {
	return slices.IndexFunc(b.longTerm, func(t LongTerm) bool { return t.RegistryID == registryID && t.ID == id })
}
