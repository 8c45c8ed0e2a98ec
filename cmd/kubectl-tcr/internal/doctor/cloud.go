package doctor

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

// OfCloud says what the server was told by Tencent Cloud: each right, and why
// calls fail. What comes of it, such as a token that ends, is package health's.
func OfCloud(d *status.Document) (found []health.Finding, unseen []health.Unseen) {
	if d == nil {
		unseen = append(unseen, health.Unseen{Thing: ThingIdentity, Why: "there is no status of the server"})
		for _, r := range camRights() {
			unseen = append(unseen, health.Unseen{Thing: thingRightOf + r.action, Why: NotNeeded})
		}
		return nil, unseen
	}
	for _, r := range camRights() {
		refused, asked := ofRight(d, r)
		found = append(found, refused...)
		switch {
		case asked:
		case r.action == "CreateInstanceToken" && slices.ContainsFunc(d.Instances, renewed):
			unseen = append(unseen, health.Unseen{Thing: thingRightOf + r.action, Why: "the replica that leads has not had to ask for a token yet"})
		default:
			unseen = append(unseen, health.Unseen{Thing: thingRightOf + r.action, Why: NotNeeded})
		}
	}
	return append(found, problems(d)...), unseen
}

// renewed tells of an instance whose tokens somebody asks for.
func renewed(i status.Instance) bool { return i.Token == nil || !i.Token.ExpiresAt.IsZero() }

// ofRight finds the instances that an identity is refused a right on.
func ofRight(d *status.Document, r camRight) (found []health.Finding, asked bool) {
	for _, i := range d.Instances {
		granted, known := i.Rights["tcr:"+r.action]
		asked = asked || known
		if !known || granted {
			continue
		}
		who := cmp.Or(i.Identity, "the identity of tcr-webhook")
		found = append(found, health.Finding{
			Code: r.code, Severity: severityOfRight(r, &i), About: i.ID,
			Text: fmt.Sprintf("%s lacks the right tcr:%s on qcs::tcr:::instance/%s", who, r.action, i.ID),
			Next: "Grant it in CAM: " + policyOf(r) + " has all that is needed. The server asks again within five minutes, and at once after a change of the configuration.",
		})
	}
	return found, asked
}

func severityOfRight(r camRight, i *status.Instance) health.Severity {
	if r.action == "CreateInstanceToken" || r.action == "DescribeInstances" && len(i.Hosts) == 0 {
		return health.Error
	}
	return health.Warning
}

func policyOf(r camRight) string {
	if strings.HasPrefix(r.action, "Describe") || r.action == "CreateInstanceToken" {
		return "deploy/cam-policy.json"
	}
	return "deploy/cam-policy-manage.json"
}

// ofAPI finds problems with an action on an instance. Others are of what it takes
// to make one: a key, a role, the metadata server of the node.
var ofAPI = regexp.MustCompile(`\b(CreateInstanceToken|Describe[A-Za-z]+|ManageInternalEndpoint|CreateInternalEndpointDns) for `)

// problems says why calls fail, once for each identity.
func problems(d *status.Document) []health.Finding {
	var found []health.Finding
	said := map[string]bool{}
	for _, i := range d.Instances {
		f, ok := problem(&i)
		if key := f.Code + " " + i.Identity; ok && !said[key] {
			said[key] = true
			found = append(found, f)
		}
	}
	return found
}

func problem(i *status.Instance) (health.Finding, bool) {
	p := i.LastError
	if p == nil || strings.HasPrefix(p.MissingRight, "tcr:") {
		return health.Finding{}, false // of the rights
	}
	f := health.Finding{Severity: health.Error, About: i.ID}
	who := cmp.Or(i.Identity, "the identity of tcr-webhook")
	switch {
	case p.Reason == status.ProblemClockSkew:
		return f, false // which is a condition
	case p.Reason == status.ProblemSource:
		f.Code, f.Text, f.Next = "TCR207", "the login of "+i.ID+" cannot be read: "+p.Message, "See to the Secret that registries[].credentialSecret names: its keys, its type, and whether it is in the namespace of the installation."
	case p.Reason == status.ProblemDenied, !ofAPI.MatchString(p.Message) && p.Reason != status.ProblemThrottled:
		f.Code, f.Text = "TCR201", who+" is not one that Tencent Cloud lets in: "+p.Message
		f.Next = "See to what it says: the key in the Secret tcr-webhook-credentials, or the role and who may assume it. It is read again for each call."
		if p.MissingRight != "" {
			f.Next = "Grant " + p.MissingRight + " to the caller, and name the caller in the trust policy of the role."
		}
	case p.Reason == status.ProblemNotFound, p.Reason == status.ProblemBadRequest:
		f.Code, f.Text, f.Next = "TCR204", "Tencent Cloud has no such instance for "+who+": "+p.Message, "Look up the id and the region of the instance in the TCR console, and correct registries[].instance or tencentCloud.region."
	case p.Reason == status.ProblemThrottled:
		f.Code, f.Text, f.Next = "TCR205", "the quota of calls of the account is used up: "+p.Message, "It is tried again by itself, and takes two calls an hour for each instance: find out who else calls."
	case strings.Contains(p.Message, "instance id"): // what the API says of those that do not exist, too
		f.Code, f.Text, f.Next = "TCR204", "Tencent Cloud may have no such instance: "+p.Message, "Look up the id and the region of the instance in the TCR console."
	default:
		f.Code, f.Text = "TCR202", "the API of Tencent Cloud does not answer as it should: "+p.Message
		f.Next = "See whether the pods of tcr-webhook reach it: DNS, a NetworkPolicy, the way to the internet; from a VPC without one, set tencentCloud.rootDomain: internal.tencentcloudapi.com."
	}
	return f, true
}
