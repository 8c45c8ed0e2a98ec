package webhook

import (
	"iter"
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// Objection is what a rule of the allow-list has against one image of a pod.
type Objection struct {
	Site podview.Site
	policy.Verdict
}

// Objections lists what the rules for namespace have against images. It reads
// nothing but its arguments.
func Objections(p *policy.Policy, namespace string, images iter.Seq[podview.Site]) []Objection {
	var j judgement
	j.judge(p, namespace, images)
	return j.objections
}

// judgement is what the allow-list says of a pod, in memory that is used for
// many.
type judgement struct {
	objections []Objection
	policy     *policy.Policy
	scope      policy.Scope
	verdicts   []policy.Verdict
}

func (j *judgement) judge(p *policy.Policy, namespace string, images iter.Seq[podview.Site]) {
	j.policy, j.objections = p, j.objections[:0]
	j.scope.Select(p, namespace)
	if j.scope.Empty() {
		return
	}
	for site := range images {
		j.verdicts = j.scope.Append(j.verdicts[:0], site.Image)
		for _, v := range j.verdicts {
			j.objections = append(j.objections, Objection{Site: site, Verdict: v})
		}
	}
}

// denies tells that a rule which enforces has its verdict.
func (j *judgement) denies() bool {
	return slices.ContainsFunc(j.objections, func(o Objection) bool { return o.Action == policy.Enforce && !o.Open() })
}

// undecided tells that whether the pod is denied depends on what is not known
// yet.
func (j *judgement) undecided() bool {
	return !j.denies() && slices.ContainsFunc(j.objections, func(o Objection) bool { return o.Action == policy.Enforce })
}

// texts say what the rules with an action have against the images, each
// beginning with before. Those beyond maxWarnings are only counted.
func (j *judgement) texts(action policy.Action, before string) []string {
	var texts []string
	more := 0
	for _, o := range j.objections {
		switch {
		case o.Action != action || o.Open():
		case len(texts) == maxWarnings:
			more++
		default:
			texts = append(texts, before+o.Site.String()+": "+j.policy.Text(o.Verdict, o.Site.Image))
		}
	}
	if more > 0 {
		texts = append(texts, before+plural(more, "more objection")+" by the rules of the allow-list")
	}
	return texts
}

// audit is one word for each objection, such as
// "containers/app=only-ours:Warn:NotAllowed".
func (j *judgement) audit() string {
	var b strings.Builder
	for _, o := range j.objections {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(o.Site.String())
		for _, word := range []string{"=", o.Rule, ":", string(o.Action), ":", string(o.Reason)} {
			b.WriteString(word)
		}
		if b.Len() > maxAudit {
			return b.String()[:maxAudit-len(more)] + more
		}
	}
	return b.String()
}
