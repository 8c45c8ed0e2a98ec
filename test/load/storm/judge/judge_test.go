package judge

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tcr-webhook/tcr-webhook/test/load/storm/schedule"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

func span(from, to float64) ledger.Span { return ledger.Span{From: at(from), To: at(to)} }

const (
	host  = "demo.tencentcloudcr.com"
	moved = "demo-vpc.tencentcloudcr.com"
	id    = "tcr-m3ut3qxx"
)

// good is a run of a hundred seconds in which nothing is wrong.
func good() History {
	h := History{
		Life: 30 * time.Second, Busy: 1, Begun: at(0), Ended: at(100),
		Instances: map[string]string{host: id, moved: id}, Moved: map[string]string{},
		Spaces:  map[string]Space{"a-1": {Wanted: at(1), Hosts: []string{host}}},
		Secrets: map[string][]ledger.Version{"a-1": {version(ledger.Created, 1, 31)}},
		Foreign: map[types.UID]string{},
	}
	for s := 20.0; s < 100; s += 20 {
		h.Secrets["a-1"] = append(h.Secrets["a-1"], version(ledger.Changed, s, s+30))
	}
	h.Admissions = []Admission{admission(5)}
	return h
}

func version(op ledger.Op, seen, ends float64) ledger.Version {
	return ledger.Version{
		Op: op, Seen: at(seen), Wrote: at(seen), Ends: map[string]time.Time{host: at(ends)},
		Manager: ours, Type: dockerConfig, UID: "u", ResourceVersion: "1",
	}
}

func admission(begun float64) Admission {
	return Admission{
		Begun: at(begun), Ended: at(begun + .1), Namespace: "a-1", Instance: id, Site: "containers",
		Asked: host + "/x:1", Got: host + "/x:1", Named: true, Outcome: Admitted,
	}
}

// heldWrite brings a login that had ended for four seconds.
func heldWrite(h *History) {
	h.Spaces["b-1"] = Space{}
	h.Secrets["b-1"] = []ledger.Version{version(ledger.Changed, 40, 36)}
}

func excused(what schedule.Excuse, from, to float64) func(*History) {
	return func(h *History) { h.Excuses = append(h.Excuses, Excuse{Span: span(from, to), What: what}) }
}

// pod changes the one pod.
func pod(change func(*Admission)) func(*History) {
	return func(h *History) { change(&h.Admissions[0]) }
}

// secret changes the versions of the one Secret.
func secret(change func([]ledger.Version) []ledger.Version) func(*History) {
	return func(h *History) { h.Secrets["a-1"] = change(h.Secrets["a-1"]) }
}

func foreignOne(version string) func(*History) {
	return func(h *History) {
		h.Foreign["f"] = "7"
		v := ledger.Version{Op: ledger.Created, Seen: at(2), UID: "f", ResourceVersion: "7", Manager: "somebody"}
		w := v
		w.Op, w.ResourceVersion, w.Manager = ledger.Changed, version, ours
		h.Secrets["b-1"] = []ledger.Version{v, w}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	moves := pod(func(a *Admission) { a.Got = moved + "/x:1" })
	dead := func(h *History) { h.Ways = []Way{{moved, at(-20), false}} }
	both := func(changes ...func(*History)) func(*History) {
		return func(h *History) {
			for _, c := range changes {
				c(h)
			}
		}
	}
	tests := []struct {
		name   string
		change func(*History)
		want   Invariant // none if empty
	}{
		{"all is well", func(*History) {}, ""},

		{"a pod has no pull secret", pod(func(a *Admission) { a.Named = false }), PullSecret},
		{"it needs none while its instance is taken out", both(pod(func(a *Admission) { a.Named = false }), excused(schedule.Configured, 4, 6)), ""},
		{"an excuse for logins is none for pods", both(pod(func(a *Admission) { a.Named = false }), excused(schedule.Logins, 4, 6)), PullSecret},
		{"a pod is denied", pod(func(a *Admission) { a.Outcome = Denied }), NoDenial},
		{"a pod is denied while the webhook is away", both(pod(func(a *Admission) { a.Outcome = Denied }), excused(schedule.Calls, 4, 6)), NoDenial},
		{"a call is lost", pod(func(a *Admission) { a.Outcome = Lost }), NoLoss},
		{"a call is lost to a fault", both(pod(func(a *Admission) { a.Outcome = Lost }), excused(schedule.Calls, 4, 5.05)), ""},
		{"a call is lost after a fault", both(pod(func(a *Admission) { a.Outcome = Lost }), excused(schedule.Calls, 1, 4.9)), NoLoss},
		{"a call was begun during the fault", both(pod(func(a *Admission) { a.Outcome, a.Ended = Lost, at(9) }), excused(schedule.Calls, 1, 5)), ""},
		{"the API server fails", pod(func(a *Admission) { a.Outcome = Failed }), NoLoss},
		{"the API server is away", both(pod(func(a *Admission) { a.Outcome = Failed }), excused(schedule.Requests, 4, 6)), ""},

		{"an image moves to a name that works", both(moves, func(h *History) { h.Ways = []Way{{moved, at(-90), false}, {moved, at(-50), true}} }), ""},
		{"an image moves to a name that never changed", moves, ""},
		{"an image moves to a dead name", both(moves, dead), LiveName},
		{"an image moves to a name that has just died", both(moves, func(h *History) { h.Ways = []Way{{moved, at(2), false}} }), ""},
		{"nobody could see that it died", both(moves, dead, excused(schedule.Routes, -25, 3)), ""},
		{"it was seen for long after that", both(moves, dead, excused(schedule.Routes, -25, -10)), LiveName},
		{"an image has to move and does", both(moves, func(h *History) { h.Moved[id] = moved }), ""},
		{"an image has to move and stays", func(h *History) { h.Moved[id] = moved }, Moves},

		{"a foreign Secret is left alone", foreignOne("7"), ""},
		{"a foreign Secret is written", foreignOne("8"), ForeignKept},
		{"a foreign Secret is deleted", both(foreignOne("7"), func(h *History) { h.Secrets["b-1"][1].Op = ledger.Deleted }), ForeignKept},
		{"a foreign Secret goes with its namespace", both(foreignOne("7"), func(h *History) {
			h.Secrets["b-1"][1].Op, h.Spaces["b-1"] = ledger.Deleted, Space{Gone: at(1)}
		}), ""},

		{"an older login is written", secret(func(v []ledger.Version) []ledger.Version {
			return append(v, version(ledger.Changed, 81, 105))
		}), NeverBack},
		{"an older login replaces one that has ended", secret(func(v []ledger.Version) []ledger.Version {
			return append(v[:4], version(ledger.Changed, 91, 80), version(ledger.Changed, 92, 120))
		}), NeverDead},
		{"two replicas create at once, and the last has the older login", func(h *History) {
			h.Spaces["b-1"] = Space{}
			h.Secrets["b-1"] = []ledger.Version{version(ledger.Created, 5, 40), version(ledger.Changed, 5.01, 30)}
		}, NeverBack},
		{"somebody had it meanwhile", secret(func(v []ledger.Version) []ledger.Version {
			tampered := version(ledger.Changed, 81, 500)
			tampered.Manager = "somebody"
			return append(v, tampered, version(ledger.Changed, 82, 110))
		}), ""},
		{"it was made anew", secret(func(v []ledger.Version) []ledger.Version {
			anew := version(ledger.Created, 82, 105)
			anew.UID = "v"
			return append(v, anew)
		}), ""},
		{"a login is written that has ended", secret(func(v []ledger.Version) []ledger.Version {
			v[2].Ends[host] = at(35)
			return v
		}), NeverDead},
		{"a login ends while the API server holds its write", both(heldWrite, excused(schedule.Requests, 35, 41)), ""},
		{"the API server holds a write for less than that", both(heldWrite, excused(schedule.Requests, 35, 36.5)), NeverDead},

		{"a login ends", secret(func(v []ledger.Version) []ledger.Version { return v[:2] }), Logged},
		{"a login ends and the cloud is away", both(secret(func(v []ledger.Version) []ledger.Version { return v[:2] }), excused(schedule.Logins, 40, 100)), ""},
		{"a login ends and another instance is away", both(secret(func(v []ledger.Version) []ledger.Version { return v[:2] }), func(h *History) {
			h.Excuses = append(h.Excuses, Excuse{Span: span(40, 100), What: schedule.Logins, Instance: "tcr-another"})
		}), Logged},
		{"there never is a Secret", func(h *History) { delete(h.Secrets, "a-1") }, Logged},
		{"none is wanted", func(h *History) { delete(h.Secrets, "a-1"); h.Spaces["a-1"] = Space{} }, ""},
		{"the namespace is gone", both(secret(func(v []ledger.Version) []ledger.Version { return v[:2] }), func(h *History) {
			h.Spaces["a-1"] = Space{Wanted: at(1), Hosts: []string{host}, Gone: at(50)}
		}), ""},
		{"a login is missing for long", secret(func(v []ledger.Version) []ledger.Version { delete(v[2].Ends, host); return v }), Logged},
		{"a Secret has another type for long", secret(func(v []ledger.Version) []ledger.Version { v[2].Type = "Opaque"; return v }), Logged},
		{"a deleted Secret comes back", secret(func(v []ledger.Version) []ledger.Version {
			return append(v, version(ledger.Deleted, 90, 110), version(ledger.Created, 92, 120))
		}), ""},
		{"a deleted Secret does not", secret(func(v []ledger.Version) []ledger.Version { return append(v, version(ledger.Deleted, 90, 110)) }), Logged},

		{"the cloud is called without end", func(h *History) {
			for i := range 30 {
				h.Calls = append(h.Calls, Call{at(float64(i) / 5), id})
			}
		}, FewCalls},
		{"many instances are asked for", func(h *History) {
			for i := range 30 {
				h.Calls = append(h.Calls, Call{at(float64(i) / 5), id + string(rune('a'+i))})
			}
		}, ""},
		{"a Secret is written without end", func(h *History) {
			h.Spaces["b-1"] = Space{}
			for i := range 30 {
				h.Secrets["b-1"] = append(h.Secrets["b-1"], version(ledger.Changed, float64(i)/5, 40))
			}
		}, FewWrites},
		{"all Secrets are written at once", func(h *History) {
			for i := range 300 {
				h.Secrets["b-"+string(rune('a'+i))] = []ledger.Version{version(ledger.Changed, 5, 40)}
			}
		}, FewWrites},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := good()
			tt.change(&h)
			found := Judge(&h)
			if tt.want == "" {
				assert.Empty(t, found)
				return
			}
			require.NotEmpty(t, found)
			broken := map[Invariant]bool{}
			for _, v := range found {
				broken[v.Invariant] = true
			}
			assert.Contains(t, broken, tt.want, "%v", found)
			if tt.want != NeverDead { // which others cannot hold without
				assert.Len(t, broken, 1, "%v", found)
			}
		})
	}
}

func TestABusyMachineIsGivenTime(t *testing.T) {
	t.Parallel()
	h := good()
	h.Secrets["a-1"] = append(h.Secrets["a-1"], version(ledger.Deleted, 90, 110), version(ledger.Created, 98, 120))
	assert.NotEmpty(t, Judge(&h))
	h.Admissions[0].Outcome, h.Admissions[0].Error = Lost, "failed to call webhook: context deadline exceeded"
	h.Busy = 3
	assert.Empty(t, Judge(&h))
	h.Admissions[0].Error = "failed to call webhook: EOF"
	assert.Len(t, Judge(&h), 1, "time is no reason for this")
}

// looks has a process that grows by this much a look.
func looks(pid int, each Look, n int) (all []Look) {
	for i := range n {
		f := float64(i)
		all = append(all, Look{At: at(60 * f), Who: Who{PID: pid}, Goroutines: 100 + each.Goroutines*f, Files: 20 + each.Files*f, Heap: 10 + each.Heap*f})
	}
	return all
}

func TestLeaks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		each   Look
		broken bool
	}{
		"nothing":            {Look{}, false},
		"a few goroutines":   {Look{Goroutines: 1}, false},
		"many goroutines":    {Look{Goroutines: 3}, true},
		"many descriptors":   {Look{Files: 5}, true},
		"many connections":   {Look{Goroutines: 4, Files: 2}, false},
		"much memory":        {Look{Heap: 2}, true},
		"less than before":   {Look{Goroutines: -5, Files: -1, Heap: -1}, false},
		"a little of memory": {Look{Heap: .5}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := looks(1, tt.each, 10)
			g, n := Grown(all[:3], all[6:])
			assert.Equal(t, 1, n)
			assert.Equal(t, tt.broken, len(Leaks(g, noon)) > 0, "%+v", g)
		})
	}
	_, n := Grown(looks(1, Look{}, 3), looks(2, Look{}, 3))
	assert.Zero(t, n, "of a process that was started again nothing can be said")
	leads := looks(1, Look{}, 3)
	for i := range leads {
		leads[i].Leads = true
	}
	_, n = Grown(looks(1, Look{}, 3), leads)
	assert.Zero(t, n, "nor of one that leads by now")
}

func TestSlopesAreThoseOfMostLooks(t *testing.T) {
	t.Parallel()
	all := looks(1, Look{Goroutines: 2}, 11)
	all[5].Goroutines = 5000
	g, n := Steepest(append(all, looks(2, Look{Goroutines: 900}, 3)...), 5*time.Minute)
	assert.Equal(t, 1, n, "the other did not live for long")
	assert.InDelta(t, 20, g.Goroutines, .1)
	assert.Zero(t, g.Files)

	g, _ = Steepest(looks(1, Look{Goroutines: 4, Files: 1}, 11), 5*time.Minute)
	assert.InDelta(t, 10, g.Goroutines, .1, "but for those of connections")
	assert.InDelta(t, 10, g.Files, .1)
	g, _ = Steepest(looks(1, Look{Files: -1}, 11), 5*time.Minute)
	assert.Zero(t, g.Goroutines, "connections that went hide nothing, and are nothing")

	assert.Zero(t, Slope(all[:4], func(l Look) float64 { return l.Goroutines }), "too few to tell")
}
