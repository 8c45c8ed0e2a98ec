package account

import "slices"

// Login checks a user name and a pull token, as the registry's token service
// does: signature, life, whose it is, and whether that account is still
// enabled. A temporary token cannot be revoked, only its account can.
func (b *Book) Login(username, token string) error {
	c, err := b.signer.verify(token, b.now())
	if err != nil {
		return err
	}
	if c.OperatorUIN != username {
		return ErrUser
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.active(username) {
		return ErrRevoked
	}
	if c.TokenID == "" {
		return nil
	}
	i := slices.IndexFunc(b.longTerm, func(t LongTerm) bool { return t.ID == c.TokenID })
	if i < 0 || !b.longTerm[i].Enabled {
		return ErrRevoked
	}
	return nil
}

// active reports whether the account of uin is enabled; b.mu is held.
func (b *Book) active(uin string) bool {
	for _, e := range b.identities {
		if e.UIN == uin && !e.revoked {
			return true
		}
	}
	for _, r := range b.roles {
		if r.UIN == uin {
			return true
		}
	}
	return false
}

// Allows reports whether the account of uin may perform action on resource:
// the registry asks at every pull, so a right taken away is gone at once.
func (b *Book) Allows(uin, action, resource string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.identities {
		if e.UIN == uin && !e.revoked && e.Allows(action, resource) {
			return true
		}
	}
	for _, r := range b.roles {
		if r.UIN == uin && r.Allows(action, resource) {
			return true
		}
	}
	return false
}
