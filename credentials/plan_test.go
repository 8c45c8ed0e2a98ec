package credentials

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func tokenFrom(issued time.Time, life time.Duration) token.Token {
	return token.Token{Username: "100012345678", Password: "pw", IssuedAt: issued, ExpiresAt: issued.Add(life)}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const id, other = registry.ID("tcr-demo0001"), registry.ID("tcr-open0002")
	hosts, otherHosts := []registry.Host{"a.example.com", "b.example.com"}, []registry.Host{"c.example.com"}
	young := tokenFrom(noon.Add(-10*time.Minute), time.Hour) // expires 12:50
	fresh := tokenFrom(noon, time.Hour)                      // expires 13:00
	login := func(t token.Token) []Login { return []Login{{ID: id, Hosts: hosts, Token: t}} }
	both := func(a, b token.Token) []Login {
		return append(login(a), Login{ID: other, Hosts: otherHosts, Token: b})
	}
	held := func(expires ...time.Time) Observed {
		o := Observed{Exists: true, Ours: true, Intact: true, Hosts: hosts, Expires: map[registry.ID]time.Time{id: expires[0]}}
		if len(expires) > 1 {
			o.Hosts = append(append([]registry.Host{}, hosts...), otherHosts...)
			o.Expires[other] = expires[1]
		}
		return o
	}
	with := func(o Observed, change func(*Observed)) Observed { change(&o); return o }
	dueAt := func(expires time.Time) time.Time { return renewAt(expires, time.Hour, placeOf("ns")) }

	tests := []struct {
		name string
		o    Observed
		want []Login
		now  time.Time
		plan Plan
	}{
		{"nothing is wanted", held(young.ExpiresAt), nil, noon, Plan{Action: Keep}},
		{"none is there, and a token is", Observed{}, login(young), noon, Plan{Action: Create}},
		{"none is there, and no token", Observed{}, login(token.Token{}), noon, Plan{Action: Wait}},
		{"one of two tokens is enough to create", Observed{}, both(token.Token{}, young), noon, Plan{Action: Create}},
		{"a foreign Secret stays", with(held(young.ExpiresAt), func(o *Observed) { o.Ours = false }), login(fresh), noon, Plan{Action: LeaveForeign}},
		{"a Secret that cannot be changed is replaced", with(held(young.ExpiresAt), func(o *Observed) { o.Fixed, o.Intact = true, false }), login(fresh), noon, Plan{Action: Replace}},
		{"a changed Secret is repaired", with(held(young.ExpiresAt), func(o *Observed) { o.Intact = false }), login(young), noon, Plan{Action: Repair}},
		{"a changed Secret waits for a token", with(held(young.ExpiresAt), func(o *Observed) { o.Intact = false }), login(token.Token{}), noon, Plan{Action: Wait}},
		{"a new host is written at once", with(held(young.ExpiresAt), func(o *Observed) { o.Hosts = hosts[:1] }), login(young), noon, Plan{Action: Repair}},
		{"a new instance is written at once", held(young.ExpiresAt), both(young, fresh), noon, Plan{Action: Repair}},
		{"an instance that is gone is taken out", held(young.ExpiresAt, fresh.ExpiresAt), login(young), noon, Plan{Action: Repair}},
		{"a new instance without a token changes nothing", held(young.ExpiresAt), both(young, token.Token{}), noon, Plan{Action: Keep, Again: dueAt(young.ExpiresAt)}},
		{"a login whose token is gone stays while it works", held(young.ExpiresAt, fresh.ExpiresAt), both(young, token.Token{}), noon, Plan{Action: Keep, Again: dueAt(young.ExpiresAt)}},
		{"a login whose token is gone goes when it expires", held(fresh.ExpiresAt, noon.Add(-time.Second)), both(fresh, token.Token{}), noon, Plan{Action: Repair}},
		{"nothing is due before its time", held(young.ExpiresAt), login(fresh), dueAt(young.ExpiresAt).Add(-time.Second), Plan{Action: Keep, Again: dueAt(young.ExpiresAt)}},
		{"due, and a newer token is there", held(young.ExpiresAt), login(fresh), dueAt(young.ExpiresAt), Plan{Action: Renew}},
		{"due, and no newer token is there", held(young.ExpiresAt), login(young), dueAt(young.ExpiresAt), Plan{Action: Keep, Again: dueAt(young.ExpiresAt).Add(tokenPoll)}},
		{"an older token never replaces a newer login", held(fresh.ExpiresAt), login(young), dueAt(fresh.ExpiresAt), Plan{Action: Keep, Again: dueAt(fresh.ExpiresAt).Add(tokenPoll)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.plan, Decide(tt.o, tt.want, "ns", tt.now)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// A herd of Secrets born at once must not be renewed at once, and each must be
// renewed well before its login expires.
func TestRenewalsAreSpread(t *testing.T) {
	t.Parallel()
	const namespaces, life = 10_000, time.Hour
	expires := noon.Add(life)
	perMinute := map[int]int{}
	for i := range namespaces {
		due := renewAt(expires, life, placeOf(fmt.Sprintf("team-%d", i)))
		age := due.Sub(noon)
		require.GreaterOrEqual(t, age, life/2)
		require.Less(t, age, life*4/5)
		perMinute[int(age.Minutes())]++
	}
	for minute, n := range perMinute {
		// 18 minutes share 10,000 renewals: 556 each.
		assert.InDelta(t, 556, n, 120, "minute %d", minute)
	}
}

func BenchmarkDecide(b *testing.B) {
	tok := tokenFrom(noon, time.Hour)
	hosts := []registry.Host{"a.example.com", "b.example.com"}
	o := Observed{Exists: true, Ours: true, Intact: true, Hosts: hosts, Expires: map[registry.ID]time.Time{"tcr-demo0001": tok.ExpiresAt}}
	want := []Login{{ID: "tcr-demo0001", Hosts: hosts, Token: tok}}
	b.ReportAllocs()
	for b.Loop() {
		_ = Decide(o, want, "team-a", noon)
	}
}
