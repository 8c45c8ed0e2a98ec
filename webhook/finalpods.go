package webhook

import (
	"context"
	"fmt"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// judge looks at a pod that is about to be written and says what has slipped
// past us. It changes nothing.
func (p *Pods) judge(ctx context.Context, c *call) answer {
	state := p.decide(ctx, c, false)
	if state == nil {
		return cold()
	}
	r, d := &c.pod.Request, &c.decision
	v, result := verdict{}, resultUnchanged
	switch slipped := slippedPast(r, d, state.PullSecretName); {
	case d.Skip != "":
		result, v.audit, v.auditValue = resultSkipped, auditSkipped, string(d.Skip)
	case slipped == "":
	case state.DenyWithoutPullSecret:
		p.options.Metrics.skip(SlippedPast)
		result, v.denial = resultDenied, slipped
	default:
		p.options.Metrics.skip(SlippedPast)
		result, v.warnings = resultWarned, []string{warning(slipped)}
		v.audit, v.auditValue = auditPullSecret, string(SlippedPast)
	}
	c.response = appendVerdict(c.response[:0], r.UID, v)
	return reviewed(result, c.response)
}

// slippedPast says what is wrong with a pod that needs the pull secret and
// does not name it; d is what would become of the pod now. It is empty where
// nothing is, and for pods that exist, which got their warning when they could
// still not be helped.
func slippedPast(r *podview.Request, d *Decision, secret string) string {
	if r.Operation != podview.Create || len(d.Instances) == 0 || r.Object.HasPullSecret(secret) {
		return ""
	}
	first, more := "", 0
	for _, i := range d.Images {
		switch {
		case i.Instance == "":
		case first == "":
			first = i.Site.String()
		default:
			more++
		}
	}
	if more > 0 {
		first = fmt.Sprintf("%s and %d more", first, more)
	}
	return fmt.Sprintf("%s: the image needs the pull secret %q, which this pod does not name; another webhook brought it after tcr-webhook, or tcr-webhook was not asked: have the other run before zz-tcr-webhook", first, secret)
}

// SlippedPast: the pod is about to be written with an image that needs the
// pull secret and without it, since another webhook brought the image after
// us, or since we were not asked.
const SlippedPast registry.Reason = "SlippedPast"
