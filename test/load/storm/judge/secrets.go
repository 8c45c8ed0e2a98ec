package judge

import (
	"fmt"
	"slices"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/storm/schedule"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

// ours is who writes pull Secrets.
const ours = "tcr-webhook"

// second is what times are known to: a login's end, and the time of a write.
const second = time.Second

// rewrites judges each write by the one before.
func (h *History) rewrites() (found []Violation) {
	held := h.excuses(schedule.Requests, "", "")
	for namespace, versions := range h.Secrets {
		for i, v := range versions {
			if v.Op == ledger.Deleted || v.Manager != ours {
				continue
			}
			for host, ends := range v.Ends {
				// The cloud's clock is off by a thirtieth of a life, and a request takes its time:
				// as long as the API server stands still, which then does what it was asked before.
				if dead := without(ledger.Span{From: ends, To: v.Wrote}, held); dead > h.stretch(second)+h.Life/30 {
					found = append(found, Violation{NeverDead, v.Seen, fmt.Sprintf("%s got a login for %s that had ended for %s", namespace, host, dead)})
				}
				if i == 0 || versions[i-1].Op == ledger.Deleted || versions[i-1].UID != v.UID || versions[i-1].Manager != ours {
					continue // somebody else had it meanwhile
				}
				if was, had := versions[i-1].Ends[host]; had && ends.Before(was) && was.After(v.Wrote) {
					found = append(found, Violation{NeverBack, v.Seen, fmt.Sprintf("%s got a login for %s that ends %s before the one it had", namespace, host, was.Sub(ends))})
				}
			}
		}
	}
	return found
}

// repairs is how long a login may be missing or over: what is changed is put
// right within two seconds, and the rest is for looking at it from outside.
const repairs = 4 * time.Second

// logins judges whether every namespace has what it needs.
func (h *History) logins() (found []Violation) {
	const any = schedule.Logins | schedule.Requests | schedule.Configured
	for namespace, space := range h.Spaces {
		if space.Wanted.IsZero() {
			continue
		}
		until := h.Ended
		if !space.Gone.IsZero() {
			until = space.Gone
		}
		for _, host := range space.Hosts {
			excuses := h.excuses(any, h.Instances[host], namespace)
			for _, s := range lacks(h.Secrets[namespace], host, ledger.Span{From: space.Wanted, To: until}) {
				if rest := without(s, excuses); rest > h.stretch(repairs) {
					found = append(found, Violation{Logged, s.From, fmt.Sprintf("%s had no login for %s for %s, %s of them unexcused",
						namespace, host, s.To.Sub(s.From).Round(100*time.Millisecond), rest.Round(100*time.Millisecond))})
				}
			}
		}
	}
	return found
}

// lacks are the times of within in which there is no login for host that works.
func lacks(versions []ledger.Version, host string, within ledger.Span) []ledger.Span {
	var spans []ledger.Span
	add := func(from, to time.Time) {
		from = later(from, within.From)
		if within.To.Before(to) {
			to = within.To
		}
		if from.Before(to) {
			spans = append(spans, ledger.Span{From: from, To: to})
		}
	}
	from := within.From
	for i, v := range versions {
		if i == 0 {
			add(from, v.Seen)
		}
		until := within.To
		if i+1 < len(versions) {
			until = versions[i+1].Seen
		}
		ends, has := v.Ends[host]
		switch {
		case v.Op == ledger.Deleted || !has || v.Type != dockerConfig:
			add(v.Seen, until)
		case ends.Before(until):
			add(later(ends, v.Seen), until)
		}
	}
	if len(versions) == 0 {
		add(from, within.To)
	}
	return merged(spans)
}

const dockerConfig = "kubernetes.io/dockerconfigjson"

const (
	// callsWithin and mostCalls bound the calls for one instance. A pause lasts
	// between a fifth of a second and two, of short tokens, and two replicas may
	// ask at once while the lead changes hands.
	callsWithin = 6 * time.Second
	mostCalls   = 20
	// writesWithin and mostWrites bound the writes of one Secret: at most two in
	// the renewal of each of five logins, and five repairs. mostChanges bounds
	// those of all of them: 20 a second, and a quarter for looking from outside.
	writesWithin = 10 * time.Second
	mostWrites   = 25
	mostChanges  = 250
)

// rates judges how often the cloud is called, and Secrets are written.
func (h *History) rates() (found []Violation) {
	calls := map[string][]time.Time{}
	for _, c := range h.Calls {
		calls[c.Instance] = append(calls[c.Instance], c.At)
	}
	for instance, times := range calls {
		if n, at := most(times, callsWithin); n > mostCalls {
			found = append(found, Violation{FewCalls, at, fmt.Sprintf("%d for a token of %s within %s", n, instance, callsWithin)})
		}
	}
	var all []time.Time
	for namespace, versions := range h.Secrets {
		var one []time.Time
		for _, v := range versions {
			if v.Manager == ours && (v.Op == ledger.Created || v.Op == ledger.Changed) {
				one = append(one, v.Seen)
			}
			if v.Manager == ours && v.Op == ledger.Changed {
				all = append(all, v.Seen)
			}
		}
		if n, at := most(one, writesWithin); n > mostWrites {
			found = append(found, Violation{FewWrites, at, fmt.Sprintf("%d of the one of %s within %s", n, namespace, writesWithin)})
		}
	}
	if n, at := most(all, writesWithin); n > mostChanges && !overlaps(ledger.Span{From: at, To: at.Add(writesWithin)}, h.excuses(schedule.Requests, "", "")) {
		found = append(found, Violation{FewWrites, at, fmt.Sprintf("%d of all together within %s", n, writesWithin)})
	}
	return found
}

// most is the greatest number of times within any window, and when that began.
func most(times []time.Time, window time.Duration) (n int, begun time.Time) {
	slices.SortFunc(times, time.Time.Compare)
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) >= window {
			first++
		}
		if i-first+1 > n {
			n, begun = i-first+1, times[first]
		}
	}
	return n, begun
}
