package judge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/storm/schedule"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

// Invariant is something that holds in any storm.
type Invariant string

// The invariants.
const (
	// PullSecret: no admitted pod that needs the pull secret lacks its name.
	PullSecret Invariant = "every pod that needs the pull secret names it"
	// LiveName: no image is moved to a name that does not work.
	LiveName Invariant = "no image is moved to a dead name"
	// Moves: every image of an instance of route: Private is moved.
	Moves Invariant = "images move where the route is private"
	// NoDenial: nothing is denied, since nothing of the storm is against a policy.
	NoDenial Invariant = "nothing is denied that no policy denies"
	// NoLoss: no call of the webhook is lost but while whoever answers is gone.
	NoLoss Invariant = "no call is lost"
	// ForeignKept: what others made is neither changed nor deleted.
	ForeignKept Invariant = "nobody else's Secret is written"
	// NeverBack: no login is replaced by one that ends sooner.
	NeverBack Invariant = "no login is replaced by a worse one"
	// NeverDead: no login is written that has ended.
	NeverDead Invariant = "no login is written that has ended"
	// Logged: whoever needs a login has one that works.
	Logged Invariant = "every namespace has logins that work"
	// FewCalls: the cloud is not called without end.
	FewCalls Invariant = "calls of the cloud are bounded"
	// FewWrites: Secrets are not written without end.
	FewWrites Invariant = "writes of Secrets are bounded"
	// Recovers: all is well in time when the last fault has ended.
	Recovers Invariant = "all is well again after the last fault"
	// NoLeak: memory, goroutines and descriptors come back.
	NoLeak Invariant = "memory, goroutines and descriptors come back"
	// NoSecrets: nothing that is written down holds a login.
	NoSecrets Invariant = "no login is written down"
)

// Violation is an Invariant that was broken.
type Violation struct {
	Invariant Invariant
	At        time.Time
	What      string
}

// String says it in a line.
func (v Violation) String() string {
	return fmt.Sprintf("%s: %s: %s", v.At.Format("15:04:05.000"), v.Invariant, v.What)
}

// Judge finds what was broken, in the order of time.
func Judge(h *History) []Violation {
	all := slices.Concat(h.pods(), h.foreign(), h.rewrites(), h.logins(), h.rates())
	slices.SortStableFunc(all, func(a, b Violation) int { return a.At.Compare(b.At) })
	return all
}

// delay is what two observations, a second apart and two where they disagree,
// take until every replica has heard of it.
const delay = 8 * time.Second

// stretch is a time on the machine that it was.
func (h *History) stretch(d time.Duration) time.Duration { return time.Duration(float64(d) * h.Busy) }

// A call has three seconds, which nothing stretches on a machine that is this busy:
// what takes milliseconds otherwise has waited for a CPU then.
const (
	tooBusy  = 2
	timedOut = "context deadline exceeded"
)

// pods judges what became of pods.
func (h *History) pods() (found []Violation) {
	for i := range h.Admissions {
		a := &h.Admissions[i]
		say := func(what Invariant, format string, args ...any) {
			found = append(found, Violation{what, a.Begun, fmt.Sprintf("a pod of %s with %s in its %s: ", a.Namespace, a.Asked, a.Site) + fmt.Sprintf(format, args...)})
		}
		span := ledger.Span{From: a.Begun, To: a.Ended}
		doubtful := overlaps(span, h.excuses(schedule.Configured, a.Instance, a.Namespace))
		switch {
		case a.Outcome == Denied:
			say(NoDenial, "%s", a.Error)
		case a.Outcome == Lost && h.Busy >= tooBusy && strings.Contains(a.Error, timedOut):
		case a.Outcome == Lost && !overlaps(span, h.excuses(schedule.Calls, a.Instance, a.Namespace)),
			a.Outcome == Failed && !overlaps(span, h.excuses(schedule.Requests, "", "")):
			say(NoLoss, "%s", a.Error)
		case a.Outcome != Admitted || doubtful:
		case !a.Named:
			say(PullSecret, "it has no pull secret")
		case hostOf(a.Got) != hostOf(a.Asked):
			if dead := h.deadFor(hostOf(a.Got), a.Begun); dead > h.stretch(delay) {
				say(LiveName, "moved to %s, which had not worked for %s", hostOf(a.Got), dead.Round(100*time.Millisecond))
			}
		case h.Moved[a.Instance] != "" && h.Moved[a.Instance] != hostOf(a.Got):
			say(Moves, "it stayed at %s", hostOf(a.Got))
		}
	}
	return found
}

func hostOf(image string) string {
	host, _, _ := strings.Cut(image, "/")
	return host
}

// deadFor is for how long a name had not worked at a time, but for what is
// excused; zero where it worked, or never changed.
func (h *History) deadFor(host string, at time.Time) time.Duration {
	var last *Way
	for i := range h.Ways {
		if w := &h.Ways[i]; w.Host == host && !w.At.After(at) {
			last = w
		}
	}
	if last == nil || last.Works {
		return 0
	}
	return without(ledger.Span{From: last.At, To: at}, h.excuses(schedule.Routes|schedule.Requests, h.Instances[host], ""))
}

// foreign judges what became of what others made.
func (h *History) foreign() (found []Violation) {
	for namespace, versions := range h.Secrets {
		for _, v := range versions {
			kept, is := h.Foreign[v.UID]
			gone := h.Spaces[namespace].Gone
			switch {
			case !is:
			case v.Op == ledger.Deleted && (gone.IsZero() || gone.After(v.Seen)):
				found = append(found, Violation{ForeignKept, v.Seen, "the one of " + namespace + " was deleted"})
			case v.Op != ledger.Deleted && v.ResourceVersion != kept:
				found = append(found, Violation{ForeignKept, v.Seen, "the one of " + namespace + " was written by " + v.Manager})
			}
		}
	}
	return found
}
