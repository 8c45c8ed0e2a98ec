package doctor

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

// OfNetworkPolicies says which of the policies about pods with these labels keep
// calls of the API server from port, or calls of Tencent Cloud's API from leaving.
// They add up: what one lets through is let through.
func OfNetworkPolicies(policies []networkingv1.NetworkPolicy, pod map[string]string, port int32, portName string) []health.Finding {
	var in, out *networkingv1.NetworkPolicy
	called, calls := false, false
	for i := range policies {
		p := &policies[i]
		selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err != nil || !selector.Matches(labels.Set(pod)) {
			continue
		}
		if len(p.Spec.PolicyTypes) == 0 || slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress) {
			in = p
			called = called || slices.ContainsFunc(p.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool {
				return fromAnywhere(r.From) && hasPort(r.Ports, port, portName)
			})
		}
		if slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress) || len(p.Spec.Egress) > 0 {
			out = p
			calls = calls || slices.ContainsFunc(p.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
				return fromAnywhere(r.To) && hasPort(r.Ports, httpsPort, "https")
			})
		}
	}
	var found []health.Finding
	add := func(name, what, next string) {
		found = append(found, health.Finding{Code: "TCR117", Severity: health.Warning, Text: "NetworkPolicy " + name + " " + what, Next: next})
	}
	if in != nil && !called {
		add(in.Name, "may keep the API server from calling tcr-webhook: it has no label, and comes from outside the pod network", "Let every address reach the webhook's port, as networkPolicy.enabled of the chart does, or see that those of the control plane are named.")
	}
	if out != nil && !calls {
		add(out.Name, "may keep tcr-webhook from calling the API server and Tencent Cloud", "Let it reach port 443 anywhere, the port of the API server, and DNS.")
	}
	return found
}

const httpsPort = 443

func fromAnywhere(peers []networkingv1.NetworkPolicyPeer) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		return p.IPBlock != nil && slices.Contains([]string{"0.0.0.0/0", "::/0"}, p.IPBlock.CIDR) && len(p.IPBlock.Except) == 0
	})
}

func hasPort(ports []networkingv1.NetworkPolicyPort, port int32, name string) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		switch {
		case p.Port == nil:
			return true
		case p.Port.StrVal != "":
			return p.Port.StrVal == name
		case p.EndPort != nil:
			return p.Port.IntVal <= port && port <= *p.EndPort
		}
		return p.Port.IntVal == port
	})
}
