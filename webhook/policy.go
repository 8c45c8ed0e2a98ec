package webhook

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// PolicyPath judges the images of pods by the registry allow-list, when all
// webhooks have changed them.
const PolicyPath = "/validate/policy"

// Policy is what PolicyPath serves. It shares the memory that Pods reads by.
func (p *Pods) Policy() http.Handler { return &p.policy }

// judgeImages answers for the images that a call brings into a pod. Who opted
// out of injection has not opted out of this.
func (p *Pods) judgeImages(ctx context.Context, c *call) answer {
	r, j := &c.pod.Request, &c.judgement
	if !bringsImages(r) {
		return c.notJudged(r.UID)
	}
	if !p.queue.judgement(ctx, c.start.Add(c.timeout/2), p.options.Snapshot, func(rules *policy.Policy) bool {
		j.judge(rules, r.Namespace, broughtImages(r))
		return !j.undecided()
	}) {
		return cold()
	}
	if !r.DryRun {
		p.options.Metrics.objections(j.objections)
	}
	if log := logr.FromContextOrDiscard(ctx).V(1); log.Enabled() {
		log.Info("Judged a pod", "namespace", r.Namespace, "pod", cmp.Or(r.Name, r.Object.Metadata.GenerateName),
			"operation", r.Operation, "objections", len(j.objections), "denied", j.denies())
	}
	c.response = appendVerdict(c.response[:0], r.UID, j.verdict())
	return reviewed(j.result(), c.response)
}

// broughtImages are those of a new pod, and of one that exists those that the
// request changes: what runs already is not judged for a label.
func broughtImages(r *podview.Request) iter.Seq[podview.Site] {
	if r.Operation == podview.Create {
		return r.Object.Sites()
	}
	return r.Object.SitesChangedFrom(&r.OldObject)
}

// verdict is the answer to a pod.
func (j *judgement) verdict() verdict {
	v := verdict{warnings: warned(j.texts(policy.Warn, ""))}
	if denials := j.texts(policy.Enforce, ""); j.denies() {
		v.denial = strings.Join(denials, ". ") + ". " + remedy
	}
	if len(j.objections) > 0 {
		v.audit, v.auditValue = auditPolicy, j.audit()
	}
	return v
}

// remedy is the last sentence of a denial.
const remedy = "Use an image that is allowed, or have your administrator change the rule"

func (j *judgement) result() string {
	switch {
	case j.denies():
		return resultDenied
	case len(j.objections) > 0:
		return resultWarned
	}
	return resultUnchanged
}

// notJudged answers for what has no images, whatever it is.
func (c *call) notJudged(uid string) answer {
	c.response = appendVerdict(c.response[:0], uid, verdict{audit: auditSkipped, auditValue: string(NotAPod)})
	return reviewed(resultSkipped, c.response)
}

func warned(texts []string) []string {
	for i, text := range texts {
		texts[i] = warning(text)
	}
	return texts
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// judgement has the allow-list judge until it is decided, at the latest at the
// deadline. It returns whether it is: no configuration decides nothing.
func (q queue) judgement(ctx context.Context, deadline time.Time, snapshot func() *State, decided func(*policy.Policy) bool) bool {
	look := func() bool {
		s := snapshot()
		return s != nil && decided(s.Policy)
	}
	if look() {
		return true
	}
	done := false
	q.wait(ctx, deadline, func() bool { done = look(); return done })
	return done
}
