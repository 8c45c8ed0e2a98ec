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

// Kind is a check that there is: its codes, and the thing that must have been
// looked at.
type kind struct {
	group, name string
	codes       []string
	thing, why  string
}

// The things that the doctor looks at beyond those of health.
const (
	ThingCluster  = "cluster"
	ThingRights   = "rights"
	ThingPod      = "dry-run pod"
	ThingAddon    = "add-on"
	ThingMistakes = "mistakes"
	ThingInstall  = "may install"
)

// kinds are all checks, causes before what comes of them.
func kinds() []kind {
	return []kind{
		{"kubernetes", "the API server is new enough", []string{"TCR111"}, ThingCluster, "conditions of registrations came with 1.28: without them every pod of the cluster would wait for us"},
		{"kubernetes", "you may install", []string{"TCR112"}, ThingInstall, "the chart makes objects that only an administrator may make"},
		{"installation", "replicas are ready", []string{"TCR101", "TCR102"}, health.ThingDeployment, "without one, pods with images of yours are not created"},
		{"installation", "its ServiceAccount has its rights", []string{"TCR113"}, ThingRights, "without them, pull Secrets are not written"},
		{"webhook", "the Service has endpoints", []string{"TCR105"}, health.ThingEndpoints, "the API server calls us by it"},
		{"webhook", "registrations are as they should be", []string{"TCR104", "TCR110"}, health.ThingRegistrations, "what they leave out gets no login"},
		{"webhook", "registrations have a caBundle", []string{"TCR108"}, health.ThingRegistrations, "the API server trusts us by it"},
		{"webhook", "the certificate holds", []string{"TCR106"}, health.ThingDocument, "the API server trusts us by it"},
		{"webhook", "a pod is served (dry run)", []string{"TCR121", "TCR122", "TCR123", "TCR124", "TCR125", "TCR126"}, ThingPod, "it is what the installation is for"},
		{"configuration", "it is in force", []string{"TCR603", "TCR604"}, health.ThingConfiguration, "while it is refused, the last good one stays"},
		{"configuration", "it says what is meant", []string{"TCR610", "TCR611"}, ThingMistakes, "what is hardly meant surprises later"},
		{"cloud", "clocks agree", []string{"TCR203"}, health.ThingDocument, "the API takes no signature that is 5 minutes off"},
		{"credentials", "tokens are renewed", []string{"TCR401", "TCR402", "TCR403"}, health.ThingDocument, "they work for an hour"},
		{"cloud", "hosts of instances are known", []string{"TCR404"}, health.ThingDocument, "images of an instance are found by them"},
		{"route", "instances are reached privately", []string{"TCR301", "TCR302", "TCR303", "TCR304", "TCR305", "TCR306", "TCR307", "TCR308", "TCR309", "TCR310"}, health.ThingDocument, "otherwise layers come by the internet, or not at all"},
		{"credentials", "pull Secrets are as they should be", []string{"TCR405"}, health.ThingDocument, "the kubelet pulls with them"},
		{"installation", "a replica leads", []string{"TCR103", "TCR107"}, health.ThingLease, "the leader renews, and keeps the status that most of this is read from"},
		{"installation", "nothing unknown is wrong", []string{"TCR109"}, health.ThingDocument, "a newer server may know more than this plugin"},
		{"leftovers", "nothing of the TCR add-on", []string{"TCR701"}, ThingAddon, "it edits hosts files, and its tokens live for ten years"},
		{"leftovers", "no Secret that nobody uses", []string{"TCR407"}, health.ThingDocument, "a login that nobody needs is one that can be lost"},
	}
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
		switch {
		case slices.ContainsFunc(c.Findings, func(f health.Finding) bool { return f.Severity == health.Error }):
			c.Verdict = Failed
		case len(c.Findings) > 0:
			c.Verdict = Warned
		case i >= 0:
			c.Verdict, c.Reason = Skipped, unseen[i].Why
		}
		checks = append(checks, c)
	}
	slices.SortStableFunc(checks, func(a, b Check) int { return cmp.Compare(rank(a.Verdict), rank(b.Verdict)) })
	return checks
}

func rank(v Verdict) int { return slices.Index([]Verdict{Failed, Warned, Skipped, Fine}, v) }
