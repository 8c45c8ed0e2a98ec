package health

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// advice is a code, and what to do.
type advice struct{ code, next string }

// ofConditions are those of the server's conditions. What is about instances is
// said for each.
func ofConditions() map[string]advice {
	return map[string]advice{
		status.ConfigAccepted:     {"TCR604", "Mend the configuration; kubectl tcr lint finds every mistake at once."},
		status.SecretsDelivered:   {"TCR405", "See the Events of the namespaces: kubectl get events -A --field-selector reportingComponent=tcr-webhook."},
		status.CertificateValid:   {"TCR106", "See the logs of tcr-webhook about its certificate; with cert-manager, kubectl describe certificate tcr-webhook in its namespace."},
		status.RegistrationsMatch: {"TCR104", "Apply the chart again with the hosts and the policy of the configuration: helm upgrade."},
		status.ClockInSync:        {"TCR203", "Set the clocks of the nodes, for example by chronyc; the API takes no signature that is more than 5 minutes off."},
	}
}

// conditions judges those that are not well.
func conditions(d *status.Document) []Finding {
	var found []Finding
	known := ofConditions()
	for _, c := range d.Conditions {
		a, ok := known[c.Type]
		switch {
		case !ok && aboutInstances(c.Type):
		case c.Status == metav1.ConditionFalse:
			if !ok {
				a = advice{"TCR109", "See the logs of tcr-webhook."}
			}
			if c.Reason == status.CertificateNotTrusted {
				a.code = refusedFor(c.Message)
			}
			found = append(found, Finding{Code: a.code, Severity: severity(c.Type), Text: c.Message, Next: a.next})
		case c.Reason == status.CertificateExpiresSoon, c.Reason == status.CertificateRenewalFailed:
			found = append(found, Finding{Code: a.code, Severity: Warning, Text: c.Message, Next: a.next})
		}
	}
	if len(d.Addon) > 0 {
		found = append(found, Finding{Code: "TCR701", Severity: Warning, Text: d.Addon[0] + more(len(d.Addon)-1), Next: "kubectl tcr migrate shows the way from the add-on."})
	}
	return found
}

// refusedFor is the code of why the API server refuses a certificate.
func refusedFor(message string) string {
	if strings.Contains(message, "certificate is valid for") || strings.Contains(message, "not valid for any names") {
		return "TCR128"
	}
	return "TCR108"
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n)
}

// aboutInstances tells conditions that sum up what each instance has of its own.
func aboutInstances(kind string) bool {
	switch kind {
	case status.Ready, status.HostsKnown, status.TokenValid, status.RouteResolved:
		return true
	}
	return false
}

// severity of a condition that is not well. With a refused configuration the last
// good one serves on.
func severity(kind string) Severity {
	if kind == status.ConfigAccepted {
		return Warning
	}
	return Error
}

// instance judges one instance.
func instance(i *status.Instance, now time.Time) []Finding {
	var found []Finding
	add := func(code string, s Severity, text, next string) {
		found = append(found, Finding{Code: code, Severity: s, About: i.ID, Text: text, Next: next})
	}
	why, next := cause(i)
	switch t := i.Token; {
	case t == nil && i.LastError != nil:
		add("TCR401", Error, "there is no token for "+i.ID+why, next)
	case t == nil:
		add("TCR401", Warning, "the first token for "+i.ID+" is being asked for", "Wait some seconds.")
	case !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt.Time):
		add("TCR403", Error, fmt.Sprintf("the token of %s expired at %s%s", i.ID, clock(t.ExpiresAt), why), next)
	case aboutHosts(i): // which is said below
	case i.LastError != nil && t.ExpiresAt.IsZero():
		add("TCR402", Warning, "the login of "+i.ID+" is used as it was last read"+why, next)
	case i.LastError != nil:
		add("TCR402", Error, fmt.Sprintf("the token of %s expires at %s and cannot be renewed%s", i.ID, clock(t.ExpiresAt), why), next)
	}
	if len(i.Hosts) == 0 {
		add("TCR404", Error, "images of "+i.ID+" stay as written, since its hosts are not known"+why, "Give registries[].hosts, or the right tcr:DescribeInstances.")
	}
	if code := routeCodes()[registry.Reason(i.RouteReason)]; code != "" {
		add(code, Warning, i.RouteMessage, "Until then images of "+i.ID+" are pulled by the name that they are written with.")
	}
	return found
}

// aboutHosts tells a problem that has nothing to do with the token.
func aboutHosts(i *status.Instance) bool {
	return i.LastError != nil && len(i.Hosts) == 0 && strings.Contains(i.LastError.Message, "DescribeInstance")
}

func clock(t metav1.Time) string { return t.UTC().Format(time.RFC3339) }

// cause says why there is no newer token, and what to do.
func cause(i *status.Instance) (why, next string) {
	p := i.LastError
	if p == nil {
		return "", "See the logs of tcr-webhook."
	}
	switch why = ": " + p.Message; {
	case p.MissingRight != "":
		next = fmt.Sprintf("Grant %s on %s to %s: deploy/cam-policy.json has all that is needed.", p.MissingRight, i.ID, who(i))
	case p.Reason == status.ProblemDenied:
		next = "See to the identity " + who(i) + ": its key may be wrong or disabled, or it lacks a right of deploy/cam-policy.json."
	case p.Reason == status.ProblemNotFound:
		next = "Look up the id and the region of the instance in the TCR console."
	case p.Reason == status.ProblemBadRequest:
		next = "Mend what the configuration says of " + i.ID + "."
	case p.Reason == status.ProblemThrottled:
		next = "It is tried again by itself; find out who else uses up the quota of the account."
	case p.Reason == status.ProblemClockSkew:
		next = "Set the clocks of the nodes, for example by chronyc."
	case p.Reason == status.ProblemSource:
		next = "See to the Secret that registries[].credentialSecret names."
	default:
		next = "It is tried again by itself; see whether the pods of tcr-webhook reach the API of Tencent Cloud."
	}
	return strings.TrimRight(why, "."), next
}

func who(i *status.Instance) string {
	if i.Identity == "" {
		return "the identity of tcr-webhook"
	}
	return i.Identity
}

// routeCodes are those of the reasons why there is no private route. What nobody
// has looked at yet has none.
func routeCodes() map[registry.Reason]string {
	return map[registry.Reason]string{
		registry.NoLink: "TCR301", registry.LinkedElsewhere: "TCR302", registry.OtherRegion: "TCR303", registry.NoPrivateDNS: "TCR304",
		registry.LinkPending: "TCR305", registry.LinkBroken: "TCR306", registry.DNSUnclear: "TCR307", registry.RouteDenied: "TCR308",
		registry.InstanceNotFound: "TCR309", registry.NoPrivateHost: "TCR310",
	}
}
