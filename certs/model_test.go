package certs

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The model runs the replicas' own decisions over an API server whose watches
// come late, in any order of steps, with crashes, clocks that are set, any
// number of leaders, and replicas that never hear of anything again. It holds
// that whatever caBundle an API server may go by, it trusts whatever is served.

var sequences = flag.Uint64("sequences", 2, "how many orders of steps each model test tries")

var names = ServiceNames("tcr-webhook", "tcr-webhook")

// version is a registration from when on the API server has had it.
type version struct {
	Registration
	from time.Time
}

// process is one server.
type process struct {
	*replica
	offset      time.Duration // of its wall clock
	began       time.Time
	leading     bool
	partitioned bool // its watches stand still for ever
	frozen      bool // it does nothing but serve, for ever
	seenSecret  int
	seen        []int // by registration
	writes      []func() bool
}

// world is the API server, true time, and the processes.
type world struct {
	t     *testing.T
	rand  *rand.Rand
	lives Lives
	now   time.Time

	secrets       []map[string][]byte // each version there was; nil for none
	registrations [][]version
	processes     []*process
	// disturbed is until when somebody's hand may have cost calls: a replica
	// that starts in that time has never had anything better.
	disturbed time.Time
	steps     map[Action]int
	checked   map[string]error
	trace     []string
}

// lag is how far an API server may be behind: less than what is waited for.
func (w *world) lag() time.Duration { return w.lives.settling() * 9 / 10 }

func newWorld(t *testing.T, seed uint64, lives Lives, processes int) *world {
	t.Helper()
	w := &world{
		t: t, rand: rand.New(rand.NewPCG(seed, 1)), lives: lives, now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
		secrets: []map[string][]byte{nil}, steps: map[Action]int{}, checked: map[string]error{},
	}
	for i, r := range []Registration{
		{Kind: Mutating, Name: "zz-tcr-webhook", Entries: []Entry{{Name: "pods", Host: names[0]}, {Name: "best-effort", Host: names[0]}}},
		{Kind: Validating, Name: "zz-tcr-webhook", Entries: []Entry{{Name: "final", Host: names[0]}}},
		{Kind: Validating, Name: "zz-tcr-webhook-policy", Entries: []Entry{{Name: "policy", Host: names[0]}}},
	} {
		r.ResourceVersion = strconv.Itoa(i) + ".0"
		w.registrations = append(w.registrations, []version{{r, w.now}})
	}
	for range processes {
		w.processes = append(w.processes, w.boot())
	}
	w.processes[0].leading = true
	w.disturbed = w.now.Add(time.Hour) // an installation
	require.True(t, w.rest(), "a first start")
	w.advance(w.lag())
	w.disturbed = time.Time{}
	return w
}

func (w *world) boot() *process {
	p := &process{replica: &replica{Holder: Holder{settling: w.lives.settling()}, names: names, lives: w.lives}, began: w.now}
	p.seenSecret = len(w.secrets) - 1
	for _, r := range w.registrations {
		p.seen = append(p.seen, len(r)-1)
	}
	return p
}

func (w *world) moment(p *process) Moment {
	return Moment{Wall: w.now.Add(p.offset), Up: w.now.Sub(p.began)}
}

func (w *world) note(format string, args ...any) {
	w.trace = append(w.trace, w.now.Format(time.DateTime)+" "+fmt.Sprintf(format, args...))
}

// look is what Self.step does, but that its writes are left for later.
func (w *world) look(p *process) {
	if p.frozen {
		return
	}
	v := view{content: ParseContent(w.secrets[p.seenSecret]), at: w.moment(p)}
	for i, n := range p.seen {
		v.registrations = append(v.registrations, w.registrations[i][n].Registration)
	}
	plan, err := p.look(v)
	require.NoError(w.t, err)
	p.writes = nil
	turn := Turn{Plan: plan, Leading: p.leading, First: w.secrets[p.seenSecret] == nil}
	for _, r := range v.registrations {
		turn.Torn = turn.Torn || p.tears(r, v.content, v.at.Wall)
	}
	if p.untilTurn(turn, v.at.Up) > 0 {
		return
	}
	if plan.Action != Rest {
		next, err := p.situation(v, 0).After(plan.Action, func() (*Authority, error) { return NewAuthority(v.at.Wall, w.lives.CA) })
		require.NoError(w.t, err)
		basis := p.seenSecret
		p.writes = append(p.writes, func() bool {
			if basis != len(w.secrets)-1 {
				return false // another was faster
			}
			data, err := next.Data()
			require.NoError(w.t, err)
			for key, value := range data {
				if value == nil {
					delete(data, key)
				}
			}
			w.secrets = append(w.secrets, data)
			w.steps[plan.Action]++
			w.note("%s: %s", plan.Action, plan.Reason)
			return true
		})
	}
	live := ParseContent(w.secrets[len(w.secrets)-1])
	for i, r := range v.registrations {
		if p.tears(r, v.content, v.at.Wall) && p.tears(r, live, v.at.Wall) {
			p.writes = append(p.writes, func() bool { return w.patch(i, r, live) })
		}
	}
}

// patch is what the API server makes of Patch.
func (w *world) patch(i int, seen Registration, c Content) bool {
	versions := w.registrations[i]
	if last := versions[len(versions)-1]; last.ResourceVersion != seen.ResourceVersion {
		return false
	}
	patch, err := seen.Patch(c.Bundle())
	require.NoError(w.t, err)
	if patch == nil {
		return false
	}
	for j := range seen.Entries {
		if seen.Entries[j].differs(c.Bundle()) {
			seen.Entries = slices.Clone(seen.Entries)
			seen.Entries[j].CABundle = encodeBundle(c.Bundle())
		}
	}
	w.note("%s trusts %v", seen, labels(c.Bundle()))
	w.put(i, seen)
	return true
}

func (w *world) put(i int, r Registration) {
	r.ResourceVersion = fmt.Sprintf("%d.%d", i, len(w.registrations[i]))
	w.registrations[i] = append(w.registrations[i], version{r, w.now})
}

// write lets the first write of p reach the API server.
func (w *world) write(p *process) {
	if len(p.writes) > 0 {
		p.writes[0]()
		p.writes = p.writes[1:]
	}
}

// hear lets p's watches bring something, or all there is.
func (w *world) hear(p *process, all bool) {
	if p.partitioned || p.frozen {
		return
	}
	if all || w.rand.IntN(2) == 0 {
		p.seenSecret = len(w.secrets) - 1
	}
	for i := range p.seen {
		if all || w.rand.IntN(2) == 0 {
			p.seen[i] = len(w.registrations[i]) - 1
		}
	}
}

// rest lets everybody hear, look and write, and time go by, until all is well. It
// gives up after eight times what there is to wait for.
func (w *world) rest() (settled bool) {
	for range 40 {
		for _, p := range w.processes {
			w.hear(p, true)
			w.look(p)
			for len(p.writes) > 0 {
				w.write(p)
			}
		}
		w.advance(w.lives.settling() / 5)
		if w.settled() {
			return true
		}
	}
	return false
}

// settled tells whether all is as it should be.
func (w *world) settled() bool {
	c := ParseContent(w.secrets[len(w.secrets)-1])
	if c.Current == nil || len(c.Damaged) > 0 || !usable(c.Current, w.now) {
		return false
	}
	for _, versions := range w.registrations {
		if versions[len(versions)-1].Differs(c.Bundle()) {
			return false
		}
	}
	for _, p := range w.processes {
		if l := p.served.Load(); !p.frozen && !p.partitioned && (l == nil || !l.CA.Equal(c.Current.Certificate) || !l.holds(w.now)) {
			return false
		}
	}
	return true
}

func (w *world) advance(d time.Duration) {
	w.now = w.now.Add(d)
	w.check()
}

// check holds every certificate that is served against every caBundle that an
// API server may go by.
func (w *world) check() {
	for n, p := range w.processes {
		l := p.served.Load()
		if l == nil || p.began.Before(w.disturbed) && w.now.Before(w.disturbed) && p.Refused() != "" {
			continue
		}
		if !l.holds(w.now) {
			require.True(w.t, p.frozen || p.partitioned, "process %d serves what has expired\n%s", n, w.tail())
			continue
		}
		for _, versions := range w.registrations {
			for i, v := range versions {
				if i+1 < len(versions) && !versions[i+1].from.After(w.now.Add(-w.lag())) {
					continue // every API server has the next one
				}
				for _, e := range v.Entries {
					w.verify(n, l, e, v)
				}
			}
		}
	}
}

func (w *world) verify(n int, l *Leaf, e Entry, v version) {
	key := l.Certificate.SerialNumber.String() + string(e.CABundle)
	err, known := w.checked[key]
	if !known || err != nil {
		err = l.verify(e.bundle(), e.Host, w.now)
		w.checked[key] = err
	}
	if err != nil && !w.now.Before(w.disturbed) {
		require.NoError(w.t, err, "process %d serves %s by %s, which %s version %s does not trust, with %v\n%s",
			n, l, label(l.CA), v, v.ResourceVersion, labels(e.bundle()), w.tail())
	}
}

func (w *world) tail() string {
	text := ""
	for _, line := range w.trace[max(0, len(w.trace)-25):] {
		text += line + "\n"
	}
	return text
}

// act does one thing, as dice has it.
func (w *world) act(dice, detail int) {
	p := w.processes[detail%len(w.processes)]
	switch dice % 13 {
	case 0, 1:
		w.hear(p, false)
	case 2, 3, 4:
		w.look(p)
	case 5, 6:
		w.write(p)
	case 7: // a moment
		w.advance(w.lives.settling() / time.Duration(2+detail%30))
	case 8, 12: // a while, in which who can hears, looks and does something
		w.advance(min(w.lives.Leaf, w.lives.CA/12) / time.Duration(4+detail%20))
		for _, p := range w.processes {
			w.hear(p, true)
			w.look(p)
			if w.rand.IntN(2) == 0 {
				w.write(p)
			}
		}
	case 9: // it crashes, with its writes on the way or not
		if !p.frozen && !p.partitioned {
			i := slices.Index(w.processes, p)
			w.processes[i] = w.boot()
			w.processes[i].leading, w.processes[i].offset = p.leading, p.offset
			w.look(w.processes[i])
		}
	case 10: // leaders come and go
		p.leading = !p.leading
	case 11: // its clock is set
		slack := min(slack(w.lives.Leaf)/2, time.Hour)
		p.offset = time.Duration(detail%3-1) * slack
	}
	w.check()
}

// retireFrom takes p out for ever and puts another in its place.
func (w *world) leave(n int, partitioned bool) {
	p := w.processes[n]
	p.frozen, p.partitioned, p.leading = !partitioned, partitioned, false
	w.processes = append(w.processes, w.boot())
	w.look(w.processes[len(w.processes)-1])
}

// heal ends the trouble, and sees that all comes to rest.
func (w *world) heal() {
	for i, p := range w.processes {
		p.offset, p.leading = 0, i == len(w.processes)-1
	}
	assert.True(w.t, w.rest(), "it does not come to rest\n%s", w.tail())
}

var modelLives = map[string]Lives{
	"a year":      {CA: 365 * 24 * time.Hour, Leaf: 30 * 24 * time.Hour},
	"two minutes": {CA: 2 * time.Minute, Leaf: 40 * time.Second},
}

func TestNothingThatIsServedIsEverNotTrusted(t *testing.T) {
	t.Parallel()
	for name, lives := range modelLives {
		t.Run("with lives of "+name, func(t *testing.T) {
			t.Parallel()
			total := map[Action]int{}
			for seed := range *sequences {
				w := newWorld(t, seed, lives, 3)
				for step := range 1200 {
					w.act(w.rand.IntN(1000), w.rand.IntN(1000))
					if step%400 == 200 {
						w.leave(w.rand.IntN(3), step == 600)
					}
				}
				w.heal()
				for a, n := range w.steps {
					total[a] += n
				}
			}
			t.Logf("%d sequences: %v", *sequences, total)
			for _, a := range []Action{Begin, Prepare, Promote, Retire} {
				assert.NotZero(t, total[a], a)
			}
		})
	}
}

// Whoever destroys the Secret while replicas serve costs no call either: what
// they serve stays trusted.
func TestALostSecretCostsNothingThatIsServed(t *testing.T) {
	t.Parallel()
	current, key := keyCurrent+suffixCert, keyCurrent+suffixKey
	damages := map[string]func(w *world, data map[string][]byte) map[string][]byte{
		"deleted":             func(*world, map[string][]byte) map[string][]byte { return nil },
		"emptied":             func(*world, map[string][]byte) map[string][]byte { return map[string][]byte{} },
		"without its key":     func(_ *world, d map[string][]byte) map[string][]byte { delete(d, key); return d },
		"with a broken key":   func(_ *world, d map[string][]byte) map[string][]byte { d[key] = []byte("garbage"); return d },
		"with a broken CA":    func(_ *world, d map[string][]byte) map[string][]byte { d[current] = []byte("garbage"); return d },
		"with blanks":         func(_ *world, d map[string][]byte) map[string][]byte { d[current], d[key] = nil, nil; return d },
		"with a broken past":  func(_ *world, d map[string][]byte) map[string][]byte { d[keyPrevious] = []byte("garbage"); return d },
		"with another's CA":   anothers,
		"with a broken next":  func(_ *world, d map[string][]byte) map[string][]byte { d[keyNext+suffixCert] = []byte("x"); return d },
		"with half of a next": func(_ *world, d map[string][]byte) map[string][]byte { d[keyNext+suffixCert] = d[current]; return d },
	}
	for name, damage := range damages {
		for when, before := range map[string]Action{"at rest": Rest, "while the next CA waits": Prepare, "after a rotation": Promote} {
			t.Run(name+" "+when, func(t *testing.T) {
				t.Parallel()
				for seed := range (*sequences + 1) / 2 {
					w := newWorld(t, seed, modelLives["a year"], 3)
					for n := 0; before != Rest && w.steps[before] == 0; n++ {
						require.Less(t, n, 1000)
						w.act(8, 0)
						w.processes[0].leading = true
						for len(w.processes[0].writes) > 0 {
							w.write(w.processes[0])
						}
					}
					last := map[string][]byte{}
					for k, v := range w.secrets[len(w.secrets)-1] {
						last[k] = v
					}
					w.secrets = append(w.secrets, damage(w, last))
					w.note("the Secret is %s", name)
					for range 60 { // no crash: who starts now has nothing to serve
						w.act([]int{0, 1, 2, 3, 4, 5, 6, 7, 10}[w.rand.IntN(9)], w.rand.IntN(1000))
					}
					w.heal()
				}
			})
		}
	}
}

func anothers(w *world, _ map[string][]byte) map[string][]byte {
	a, err := NewAuthority(w.now, w.lives.CA)
	require.NoError(w.t, err)
	data, err := Content{Current: a}.Data()
	require.NoError(w.t, err)
	return map[string][]byte{keyCurrent + suffixCert: data[keyCurrent+suffixCert], keyCurrent + suffixKey: data[keyCurrent+suffixKey]}
}

// FuzzHandOver tries orders of steps that nobody has thought of.
func FuzzHandOver(f *testing.F) {
	f.Add(uint64(1), []byte("hello, certificate"))
	f.Add(uint64(2), []byte{8, 1, 8, 2, 8, 3, 9, 0, 2, 0, 5, 0, 7, 0, 10, 1, 11, 2})
	f.Fuzz(func(t *testing.T, seed uint64, dice []byte) {
		w := newWorld(t, seed, modelLives["a year"], 3)
		for i := 0; i+1 < min(len(dice), 2000); i += 2 {
			w.act(int(dice[i]), int(dice[i+1]))
		}
		w.heal()
	})
}
