package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Event is a fault that comes.
type Event struct {
	Trait

	At   time.Duration // after the begin of the storm
	Last time.Duration // between Least and Most
	// Target chooses what is hit, of as many as there are.
	Target int
}

// End is when the event is over, after the begin of the storm.
func (e Event) End() time.Duration { return e.At + e.Last }

// String says the event in a line.
func (e Event) String() string {
	text := fmt.Sprintf("%6.1fs  %s", e.At.Seconds(), e.Kind)
	if e.Last > 0 {
		text += fmt.Sprintf(", for %.1fs", e.Last.Seconds())
	}
	return text
}

// Plan is a storm.
type Plan struct {
	Seed   uint64
	Length time.Duration
	// Life is that of the cloud's tokens.
	Life   time.Duration
	Events []Event // in the order of At
}

// Pace is how dense a storm is.
type Pace struct {
	// Every is how often a fault comes, on average.
	Every time.Duration
	// Calm, if set, is how often, and for how long, none comes: what the system
	// needs then is to be seen.
	CalmEvery, Calm time.Duration
	// Lives are what Life is one of.
	Lives []time.Duration
}

// Storm is the pace that breaks things: a fault every two seconds and a half,
// several at a time.
func Storm() Pace {
	return Pace{Every: 2500 * time.Millisecond, Lives: []time.Duration{16 * time.Second, 20 * time.Second, 24 * time.Second, 30 * time.Second}}
}

// Soak is the pace that a system has to live with for long. There is nothing new
// for the last forty seconds of every three minutes.
func Soak() Pace {
	return Pace{Every: 8 * time.Second, CalmEvery: 3 * time.Minute, Calm: 40 * time.Second, Lives: []time.Duration{30 * time.Second}}
}

// New plans the storm of a seed. Every event ends within length.
func New(seed uint64, length time.Duration, pace Pace) Plan {
	r := rand.New(rand.NewPCG(seed, uint64(length))) //nolint:gosec // a storm has to come again, not to be unforeseen
	p := Plan{Seed: seed, Length: length, Life: pace.Lives[r.IntN(len(pace.Lives))]}
	var deck []Trait
	for at := time.Duration(0); at < length; at += pace.Every/2 + time.Duration(r.Int64N(int64(pace.Every))) {
		if len(deck) == 0 {
			deck = shuffled(r)
		}
		if pace.CalmEvery > 0 && at%pace.CalmEvery > pace.CalmEvery-pace.Calm {
			continue
		}
		i := slices.IndexFunc(deck, func(t Trait) bool { return p.room(t, at) && at+t.Most <= length })
		if i < 0 {
			continue
		}
		t := deck[i]
		deck = slices.Delete(deck, i, i+1)
		e := Event{Trait: t, At: at.Round(100 * time.Millisecond), Last: t.Least, Target: r.IntN(1 << 16)}
		if t.Most > t.Least {
			e.Last += time.Duration(r.Int64N(int64(t.Most - t.Least))).Round(100 * time.Millisecond)
		}
		p.Events = append(p.Events, e)
	}
	return p
}

// shuffled is a deck of all kinds, or of all but half of the heavy ones.
func shuffled(r *rand.Rand) []Trait {
	deck := slices.DeleteFunc(Traits(), func(t Trait) bool { return t.Heavy && r.IntN(2) == 0 })
	r.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck
}

// between is how long a slot is left alone after a fault of it, and one that is
// to be apart from it: what was broken is to be seen to work again, and a process
// to have been started and to know what the others do.
const (
	between = time.Second
	asunder = 8 * time.Second
)

// room tells whether t may come at this time.
func (p *Plan) room(t Trait, at time.Duration) bool {
	until := at + t.Most
	return !slices.ContainsFunc(p.Events, func(e Event) bool {
		switch {
		case e.Slot == t.Slot:
			gap := between
			if e.Heavy || t.Heavy {
				gap = asunder
			}
			return at < e.End()+gap
		case slices.Contains(t.Apart, e.Slot), slices.Contains(e.Apart, t.Slot):
			return at < e.End()+asunder && until > e.At-asunder
		}
		return false
	})
}
