package audit

import (
	"cmp"
	"slices"

	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// Workload is what a pod belongs to in the end, such as a Deployment; a pod
// that belongs to nothing is its own.
type Workload struct {
	Namespace  string `json:"namespace"`
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	UID        string `json:"uid,omitempty"`
}

// Finding is what a rule has against an image of a workload.
type Finding struct {
	// Code is one of those in Codes.
	Code     string   `json:"code"`
	Workload Workload `json:"workload"`
	// Site is where the image stands, such as "containers/app".
	Site string `json:"site"`
	// Image as it is written, in one of the pods or in the template.
	Image string `json:"image"`
	// Pods is how many run with it; none where only the template has it.
	Pods   int           `json:"pods"`
	Rule   string        `json:"rule"`
	Action policy.Action `json:"action"`
	Reason policy.Reason `json:"reason"`
	// Text says what is wrong, and what would be right.
	Text string `json:"text"`
}

// Open tells that more has to be known for a verdict.
func (f *Finding) Open() bool { return f.Reason == policy.HostsNotKnown }

// Tally is told what runs, and counts.
type Tally struct {
	policy   *policy.Policy
	rule     string
	scope    policy.Scope
	verdicts []policy.Verdict
	seen     map[Workload]bool // whether a rule objects
	open     map[Workload]bool // whether that is all that a rule has to say
	free     map[Workload]bool // that no rule is for
	pods     int
	found    map[finding]*Finding
	ignored  []string // codes
}

// finding is what makes a Finding one.
type finding struct {
	workload    Workload
	site, image string
	rule        string
}

// NewTally counts what p objects to, or the one rule of it, if any is named. What
// has one of the ignored codes is no objection.
func NewTally(p *policy.Policy, rule string, ignored ...string) *Tally {
	return &Tally{policy: p, rule: rule, ignored: ignored, seen: map[Workload]bool{}, open: map[Workload]bool{}, free: map[Workload]bool{}, found: map[finding]*Finding{}}
}

// AddPod counts a pod that runs.
func (t *Tally) AddPod(w Workload, pod *podview.Pod) {
	t.pods++
	t.add(w, pod, 1, "")
}

// AddTemplate counts what w makes pods from.
func (t *Tally) AddTemplate(w Workload, template *podview.Pod) {
	t.add(w, template, 0, placeholder)
}

// placeholder is what injectors replace in the pod: in a template it says
// nothing yet.
const placeholder = "auto"

func (t *Tally) add(w Workload, pod *podview.Pod, pods int, passed string) {
	t.scope.Select(t.policy, w.Namespace)
	if t.scope.Empty() {
		t.free[w] = true
		return
	}
	if _, known := t.seen[w]; !known {
		t.seen[w] = false
	}
	for site := range pod.Sites() {
		if site.Image == passed {
			continue
		}
		t.verdicts = t.scope.Append(t.verdicts[:0], site.Image)
		for _, v := range t.verdicts {
			if (t.rule == "" || t.rule == v.Rule) && !slices.Contains(t.ignored, Codes()[v.Reason]) {
				t.object(w, site, v, pods)
			}
		}
	}
}

func (t *Tally) object(w Workload, site podview.Site, v policy.Verdict, pods int) {
	if v.Open() {
		t.open[w] = true
	} else {
		t.seen[w] = true
	}
	// A pod may have been rewritten: by its canonical name, it and its template
	// have one image.
	canonical, ok := t.policy.Canonical(site.Image)
	if !ok {
		canonical = site.Image
	}
	key := finding{w, site.String(), canonical, v.Rule}
	f := t.found[key]
	if f == nil {
		f = &Finding{
			Code: Codes()[v.Reason], Workload: w, Site: key.site, Image: site.Image,
			Rule: v.Rule, Action: v.Action, Reason: v.Reason, Text: t.policy.Text(v, site.Image),
		}
		t.found[key] = f
	}
	f.Pods += pods
}

// Codes are those of the findings, by their reason; they stay what they are.
func Codes() map[policy.Reason]string {
	return map[policy.Reason]string{
		policy.NotAllowed: "TCR501", policy.Denied: "TCR502", policy.NoDigest: "TCR503", policy.Unparsable: "TCR504", policy.HostsNotKnown: "TCR505",
	}
}

// Report is what was found.
type Report struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Summary    Summary `json:"summary"`
	// Findings by namespace, workload, site, image and rule.
	Findings []Finding `json:"findings"`
	// passed counts the workloads of each namespace that nothing is found of.
	passed map[string]int
}

// Summary counts workloads.
type Summary struct {
	Workloads int `json:"workloads"` // that were judged
	Refused   int `json:"refused"`   // that a rule objects to
	Open      int `json:"open"`      // that cannot be judged yet
	Free      int `json:"free"`      // that are in namespaces that no rule is for
	Pods      int `json:"pods"`      // of all these, that run
}

// Report is what was found up to now.
func (t *Tally) Report() *Report {
	r := &Report{APIVersion: "tcr-webhook.io/v1alpha1", Kind: "AuditReport", Findings: []Finding{}, passed: map[string]int{}}
	r.Summary = Summary{Workloads: len(t.seen), Free: len(t.free), Pods: t.pods}
	for w, refused := range t.seen {
		switch {
		case refused:
			r.Summary.Refused++
		case t.open[w]:
			r.Summary.Open++
		default:
			r.passed[w.Namespace]++
		}
		if _, known := r.passed[w.Namespace]; !known {
			r.passed[w.Namespace] = 0
		}
	}
	for _, f := range t.found {
		r.Findings = append(r.Findings, *f)
	}
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Workload.Namespace, b.Workload.Namespace), cmp.Compare(a.Workload.Kind, b.Workload.Kind),
			cmp.Compare(a.Workload.Name, b.Workload.Name), cmp.Compare(a.Workload.UID, b.Workload.UID),
			cmp.Compare(a.Site, b.Site), cmp.Compare(a.Image, b.Image), cmp.Compare(a.Rule, b.Rule))
	})
	return r
}
