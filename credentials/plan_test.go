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
	login := func(t token.Token) []Login { return []Login{{Key: registry.Key{ID: id}, Hosts: hosts, Token: t}} }
	both := func(a, b token.Token) []Login {
		return append(login(a), Login{Key: registry.Key{ID: other}, Hosts: otherHosts, Token: b})
	}
	held := func(expires ...time.Time) Observed {
		o := Observed{Exists: true, Ours: true, Intact: true, Hosts: hosts, Held: map[registry.ID]Held{id: {Expires: expires[0]}}}
		if len(expires) > 1 {
			o.Hosts = append(append([]registry.Host{}, hosts...), otherHosts...)
			o.Held[other] = Held{Expires: expires[1]}
		}
		return o
	}
	with := func(o Observed, change func(*Observed)) Observed { change(&o); return o }
	dueAt := func(expires time.Time) time.Time { return renewAt(expires, time.Hour, placeOf("ns")) }

	by := func(o Observed, account registry.Account, version string) Observed {
		h := o.Held[id]
		h.Account, h.Version = account, version
		o.Held = map[registry.ID]Held{id: h}
		return o
	}
	forever := token.Token{Username: "robot", Password: "pw"}
	fixed := []Login{{Key: registry.Key{ID: id, Account: "secret/robot"}, Hosts: hosts, Token: forever, Version: "v2"}}
	first := young.ExpiresAt

	tests := []struct {
		name     string
		o        Observed
		want     []Login
		now      time.Time
		unwanted time.Time
		plan     Plan
	}{
		{name: "none is there, and a token is", want: login(young), now: noon, plan: Plan{Action: Create}},
		{name: "none is there, and no token", want: login(token.Token{}), now: noon, plan: Plan{Action: Wait}},
		{name: "one of two tokens is enough to create", want: both(token.Token{}, young), now: noon, plan: Plan{Action: Create}},
		{name: "a foreign Secret stays", o: with(held(first), func(o *Observed) { o.Ours = false }), want: login(fresh), now: noon, plan: Plan{Action: LeaveForeign}},
		{name: "a Secret that cannot be changed is replaced", o: with(held(first), func(o *Observed) { o.Fixed, o.Intact = true, false }), want: login(fresh), now: noon, plan: Plan{Action: Replace}},
		{name: "a changed Secret is repaired", o: with(held(first), func(o *Observed) { o.Intact = false }), want: login(young), now: noon, plan: Plan{Action: Repair}},
		{name: "a changed Secret waits for a token", o: with(held(first), func(o *Observed) { o.Intact = false }), want: login(token.Token{}), now: noon, plan: Plan{Action: Wait}},

		{name: "a new host", o: with(held(first), func(o *Observed) { o.Hosts = hosts[:1] }), want: login(young), now: noon, plan: Plan{Action: Update, Deadline: first}},
		{name: "a new instance", o: held(first), want: both(young, fresh), now: noon, plan: Plan{Action: Update, Deadline: first}},
		{name: "an instance that is gone is taken out", o: held(first, fresh.ExpiresAt), want: login(young), now: noon, plan: Plan{Action: Update, Deadline: first}},
		{name: "another identity", o: by(held(first), "0a1b2c3d", ""), want: login(young), now: noon, plan: Plan{Action: Update, Deadline: first}},
		{name: "another identity, and no token of it yet", o: by(held(first), "0a1b2c3d", ""), want: both(token.Token{}, token.Token{}), now: noon, plan: Plan{Action: Wait}},
		{name: "a new instance without a token changes nothing", o: held(first), want: both(young, token.Token{}), now: noon, plan: Plan{Action: Keep, Again: dueAt(first)}},
		{name: "a login whose token is gone stays while it works", o: held(first, fresh.ExpiresAt), want: both(young, token.Token{}), now: noon, plan: Plan{Action: Keep, Again: dueAt(first)}},
		{name: "a login whose token is gone goes when it expires", o: held(fresh.ExpiresAt, noon.Add(-time.Second)), want: both(fresh, token.Token{}), now: noon, plan: Plan{Action: Update, Deadline: noon.Add(-time.Second)}},

		{name: "nothing is due before its time", o: held(first), want: login(fresh), now: dueAt(first).Add(-time.Second), plan: Plan{Action: Keep, Again: dueAt(first)}},
		{name: "due, and a newer token is there", o: held(first), want: login(fresh), now: dueAt(first), plan: Plan{Action: Renew, Deadline: first}},
		{name: "due, and no newer token is there", o: held(first), want: login(young), now: dueAt(first), plan: Plan{Action: Keep, Again: dueAt(first).Add(tokenPoll)}},
		{name: "an older token never replaces a newer login", o: held(fresh.ExpiresAt), want: login(young), now: dueAt(fresh.ExpiresAt), plan: Plan{Action: Keep, Again: dueAt(fresh.ExpiresAt).Add(tokenPoll)}},

		{name: "a fixed login is never due", o: by(held(time.Time{}), "secret/robot", "v2"), want: fixed, now: noon, plan: Plan{Action: Keep}},
		{name: "a fixed login that has changed", o: by(held(time.Time{}), "secret/robot", "v1"), want: fixed, now: noon, plan: Plan{Action: Update}},
		{name: "a fixed login in place of a token", o: held(first), want: fixed, now: noon, plan: Plan{Action: Update, Deadline: first}},

		{name: "none is wanted, and none is there", now: noon, plan: Plan{Action: Keep}},
		{name: "none is wanted any more, and it may be a slip", o: held(first), now: noon, unwanted: noon.Add(-time.Minute), plan: Plan{Action: Keep, Again: noon.Add(9 * time.Minute)}},
		{name: "none is wanted for ten minutes", o: held(first), now: noon, unwanted: noon.Add(-10 * time.Minute), plan: Plan{Action: Remove, Deadline: noon.Add(10 * time.Minute)}},
		{name: "none is wanted, and its login has expired", o: held(noon), now: noon, unwanted: noon, plan: Plan{Action: Remove, Deadline: noon.Add(10 * time.Minute)}},
		{name: "none is wanted, and its login never expires", o: held(time.Time{}), now: noon, unwanted: noon, plan: Plan{Action: Keep, Again: noon.Add(10 * time.Minute)}},
		{name: "none is wanted, and it is another's", o: with(held(noon), func(o *Observed) { o.Ours = false }), now: noon, unwanted: noon.Add(-time.Hour), plan: Plan{Action: Keep}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			at := Moment{Namespace: "ns", Now: tt.now, Unwanted: tt.unwanted}
			if diff := cmp.Diff(tt.plan, Decide(tt.o, tt.want, at)); diff != "" {
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
	o := Observed{Exists: true, Ours: true, Intact: true, Hosts: hosts, Held: map[registry.ID]Held{"tcr-demo0001": {Expires: tok.ExpiresAt}}}
	want := []Login{{Key: registry.Key{ID: "tcr-demo0001"}, Hosts: hosts, Token: tok}}
	b.ReportAllocs()
	for b.Loop() {
		_ = Decide(o, want, Moment{Namespace: "team-a", Now: noon})
	}
}
