package doctor

import (
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
)

// Needs say what an installation has to do.
type Needs struct {
	Namespace, PullSecret string
	// Certs is its mode: self, cert-manager or provided.
	Certs string
	// Logins are the Secrets of fixed logins.
	Logins                                []string
	ServiceAccounts, NodeAgent, AllowList bool
}

// Rights are those that the server cannot do without, as the chart gives them.
func Rights(n Needs) []authorizationv1.ResourceAttributes {
	var all []authorizationv1.ResourceAttributes
	add := func(namespace, group, resource, name, verbs string) {
		for verb := range strings.FieldsSeq(verbs) {
			all = append(all, authorizationv1.ResourceAttributes{Namespace: namespace, Group: group, Resource: resource, Name: name, Verb: verb})
		}
	}
	const hooks, events = "admissionregistration.k8s.io", "events.k8s.io"
	change := ""
	if n.Certs != "cert-manager" {
		change = " patch" // of the caBundle
	}
	add("", "", "namespaces", "", "get list watch")
	add("", "", "serviceaccounts", "", "list watch")
	add("", "", "secrets", n.PullSecret, "get list watch create patch delete")
	add("", hooks, "mutatingwebhookconfigurations", "zz-tcr-webhook", "list watch"+change)
	add("", hooks, "validatingwebhookconfigurations", "zz-tcr-webhook", "list watch"+change)
	if n.AllowList {
		add("", hooks, "validatingwebhookconfigurations", "zz-tcr-webhook-policy", "list watch"+change)
	}
	add("", events, "events", "", "create patch")
	if n.ServiceAccounts {
		add("", "", "serviceaccounts", "", "get patch")
	}
	add(n.Namespace, "", "secrets", "tcr-webhook-tokens", "get list watch create patch")
	switch n.Certs {
	case "self":
		add(n.Namespace, "", "secrets", "tcr-webhook-ca", "get list watch create patch")
	case "cert-manager":
		add(n.Namespace, "cert-manager.io", "certificates", "tcr-webhook", "get")
	}
	for _, login := range n.Logins {
		add(n.Namespace, "", "secrets", login, "get")
	}
	add(n.Namespace, "coordination.k8s.io", "leases", "", "create")
	add(n.Namespace, "coordination.k8s.io", "leases", "tcr-webhook", "get update")
	add(n.Namespace, "", "events", "", "create patch")
	add(n.Namespace, "", "configmaps", "tcr-webhook-status", "get create patch")
	add(n.Namespace, "", "configmaps", "tcr-webhook-hosts", "get patch")
	if n.NodeAgent {
		add(n.Namespace, "", "configmaps", "tcr-webhook-hosts", "create")
	}
	return all
}
