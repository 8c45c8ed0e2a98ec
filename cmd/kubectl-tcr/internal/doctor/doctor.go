// Package doctor puts what is wrong with an installation in the order in which it
// should be looked at, causes before what comes of them, and says of each check how
// it went and why it matters.
//
// It is pure: the findings are package health's and those of whoever calls it.
package doctor

import (
	"cmp"
	"slices"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

// Verdict is how a check went.
type Verdict string

// The verdicts, from bad to good.
const (
	Failed  Verdict = "failed"
	Warned  Verdict = "warning"
	Skipped Verdict = "not checked"
	Fine    Verdict = "fine"
)

// Check is one check, and how it went.
type Check struct {
	Group   string  `json:"group"`
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	// Why says what depends on it.
	Why string `json:"why"`
	// Reason is why it was not checked.
	Reason   string           `json:"reason,omitempty"`
	Findings []health.Finding `json:"findings,omitempty"`
}

// Examine says how each check went, those first that should be looked at first.
// Found are the findings, in any order; groups are those that count, all for none.
func Examine(found []health.Finding, unseen []health.Unseen, groups ...string) []Check {
	var checks []Check
	for _, k := range kinds() {
		if len(groups) > 0 && !slices.Contains(groups, k.group) {
			continue
		}
		c := Check{Group: k.group, Name: k.name, Why: k.why, Verdict: Fine}
		for _, f := range found {
			if slices.Contains(k.codes, f.Code) {
				c.Findings = append(c.Findings, f)
			}
		}
		i := slices.IndexFunc(unseen, func(u health.Unseen) bool { return u.Thing == k.thing })
		if len(c.Findings) == 0 && i >= 0 && unseen[i].Why == NotNeeded {
			continue
		}
		switch {
		case slices.ContainsFunc(c.Findings, func(f health.Finding) bool { return f.Severity == health.Error }):
			c.Verdict = Failed
		case len(c.Findings) > 0:
			c.Verdict = Warned
		case i >= 0:
			c.Verdict, c.Reason = Skipped, unseen[i].Why
		}
		c.Findings = health.Linked(c.Findings)
		checks = append(checks, c)
	}
	slices.SortStableFunc(checks, func(a, b Check) int { return cmp.Compare(rank(a.Verdict), rank(b.Verdict)) })
	return checks
}

func rank(v Verdict) int { return slices.Index([]Verdict{Failed, Warned, Skipped, Fine}, v) }
