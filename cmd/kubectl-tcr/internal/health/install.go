package health

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
)

// podsEntry is the webhook that ordinary pods are served by.
const podsEntry = "pods.tcr-webhook.io"

// failurePolicy is what becomes of ordinary pods when nobody answers.
func failurePolicy(m *admissionregistrationv1.MutatingWebhookConfiguration) string {
	if m == nil {
		return ""
	}
	for i := range m.Webhooks {
		if w := &m.Webhooks[i]; w.Name == podsEntry && w.FailurePolicy != nil {
			return string(*w.FailurePolicy)
		}
	}
	return ""
}

// installation judges the live objects.
func (f *Facts) installation() []Finding {
	var found []Finding
	add := func(code string, s Severity, text, next string) {
		found = append(found, Finding{Code: code, Severity: s, Text: text, Next: next})
	}
	pods := "See why: kubectl -n " + f.Namespace + " describe pods"
	if !f.unseen(ThingDeployment) {
		switch d := f.Deployment; {
		case d == nil:
			add("TCR101", Error, "there is no Deployment in namespace "+f.Namespace, "Install the chart, or say where it is by --install-namespace.")
		case d.Want == 0:
			add("TCR102", Error, "the Deployment is scaled to 0, so that nothing of it runs", "Scale it to 2, or go on with kubectl tcr uninstall.")
		case d.Ready == 0:
			add("TCR102", Error, fmt.Sprintf("none of %d replicas is ready", d.Want), pods+".")
		case d.Ready < d.Want:
			add("TCR102", Warning, fmt.Sprintf("%d of %d replicas are ready", d.Ready, d.Want), pods+".")
		case d.Want == 1:
			add("TCR102", Warning, "there is one replica, and pods cannot be created while it is replaced", "Set replicaCount to 2.")
		}
	}
	if !f.unseen(ThingEndpoints) && f.Endpoints == 0 && f.Deployment != nil && f.Deployment.Ready > 0 {
		add("TCR105", Error, "the Service has no ready endpoint, so that the API server reaches nobody", "See whether its selector fits the pods' labels: kubectl -n "+f.Namespace+" get endpointslices,pods --show-labels.")
	}
	return append(found, f.registered()...)
}

// registered judges how the API server is told to call the webhook. Whether every
// host is named the server says itself.
func (f *Facts) registered() []Finding {
	if f.unseen(ThingRegistrations) {
		return nil
	}
	missing := func(what, comes string) Finding {
		return Finding{Code: "TCR104", Severity: Error, Text: what + " " + registration.Name + " does not exist, so " + comes, Next: "Apply the chart again: helm upgrade."}
	}
	var found []Finding
	if f.Live.Mutating == nil {
		found = append(found, missing("MutatingWebhookConfiguration", "that no pod is given a login"))
	}
	if f.Live.Validating == nil {
		found = append(found, missing("ValidatingWebhookConfiguration", "that nobody sees a pod which slips past"))
	}
	without := ""
	if m := f.Live.Mutating; m != nil {
		for i := range m.Webhooks {
			if len(m.Webhooks[i].ClientConfig.CABundle) == 0 && len(m.Webhooks[i].Rules) > 0 && without == "" {
				without = m.Webhooks[i].Name
			}
		}
	}
	if without != "" {
		found = append(found, Finding{Code: "TCR108", Severity: Error, Text: without + " has no caBundle, so that the API server cannot trust the webhook",
			Next: "With certs.mode self the server fills it in within seconds: see its logs. With cert-manager, see whether cainjector runs."})
	}
	return found
}
