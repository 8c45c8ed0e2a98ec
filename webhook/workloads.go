package webhook

import (
	"context"
	"net/http"

	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// WorkloadsPath says of what makes pods from a template how the allow-list will
// judge them. It denies nothing: nobody but a controller would read the denial
// of a pod, and somebody reads a warning about its Deployment.
const WorkloadsPath = "/validate/workloads"

// Workloads is what WorkloadsPath serves. It shares the memory that Pods reads
// by.
func (p *Pods) Workloads() http.Handler { return &p.workloads }

// placeholder is what injectors replace in the pod. In a template it says
// nothing yet.
const placeholder = "auto"

func (p *Pods) judgeTemplate(ctx context.Context, c *call) answer {
	r, j := &c.workload.Request, &c.judgement
	template := r.Object.Template(r.Kind)
	if template == nil || r.SubResource != "" {
		return c.notJudged(r.UID)
	}
	state := p.queue.state(ctx, c.start.Add(c.timeout/2), p.options.Snapshot)
	if state == nil {
		return cold()
	}
	images := template.Sites()
	if old := r.OldObject.Template(r.Kind); r.Operation == podview.Update {
		images = template.SitesChangedFrom(old)
	}
	j.judge(state.Policy, r.Namespace, func(yield func(podview.Site) bool) {
		for s := range images {
			if s.Image != placeholder && !yield(s) {
				return
			}
		}
	})
	c.response = appendVerdict(c.response[:0], r.UID, j.forecast())
	return reviewed(j.forecastResult(), c.response)
}

// forecast is the answer to a template.
func (j *judgement) forecast() verdict {
	v := verdict{warnings: warned(append(j.texts(policy.Enforce, "pods will be denied: "), j.texts(policy.Warn, "")...))}
	if len(j.objections) > 0 {
		v.audit, v.auditValue = auditPolicy, j.audit()
	}
	return v
}

func (j *judgement) forecastResult() string {
	if len(j.objections) > 0 {
		return resultWarned
	}
	return resultUnchanged
}
