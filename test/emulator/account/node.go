package account

import "time"

// BindNodeRole binds a role to the machine, in place of the one before; "" for
// none.
func (b *Book) BindNodeRole(arn string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.node, b.nodeSession = arn, Session{}
}

// NodeRole is the role that is bound to the machine, if any.
func (b *Book) NodeRole() (arn, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.node, b.roles[b.node].Name
}

// NodeSession returns the credentials of the machine's role. As the real
// server, it returns the same ones until half of their life has passed.
func (b *Book) NodeSession(arn string, life time.Duration) (Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	role, ok := b.roles[arn]
	if !ok {
		return Session{}, ErrNoRole
	}
	if old := b.nodeSession; b.now().Before(old.Expires.Add(-old.life/2)) && old.role == arn {
		return old, nil
	}
	b.nodeSession = b.newSession(arn, "node", role.OwnerUIN, life)
	return b.nodeSession, nil
}

// SetSessionLifetime sets how long temporary credentials of roles last from
// now on, whatever is asked for; zero for what is asked for.
func (b *Book) SetSessionLifetime(life time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sessionLife = life
}

// EndSessions has all temporary credentials of roles end at once.
func (b *Book) EndSessions() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, s := range b.sessions {
		s.Expires = b.now()
		b.sessions[id] = s
	}
	b.nodeSession = Session{}
}
