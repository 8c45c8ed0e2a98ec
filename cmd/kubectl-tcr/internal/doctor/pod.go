package doctor

import (
	"strings"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

// OfPod says what the API server's refusal of a pod tells about the way to the
// webhook. It is false for a refusal that says nothing of it.
func OfPod(refusal string) (health.Finding, bool) {
	if !strings.Contains(refusal, ".tcr-webhook.io") {
		return health.Finding{}, false
	}
	for _, k := range []struct{ words, code, text, next string }{
		{"x509: certificate has expired", "TCR127", "the webhook's certificate has expired, or does not hold yet, as the API server sees it", "Renew it: with certs.mode self, see the logs of tcr-webhook; with cert-manager, kubectl describe certificate tcr-webhook; see the clocks of the nodes, too."},
		{"x509: certificate is valid for", "TCR128", "the webhook's certificate is for another name than that of its Service", "Have the certificate made for <service>.<namespace>.svc."},
		{"x509: certificate is not valid for any names", "TCR128", "the webhook's certificate is for no name", "Have the certificate made for <service>.<namespace>.svc."},
		{"x509:", "TCR121", "the API server does not trust the webhook's certificate", "The caBundle is filled in within seconds; where it is not, see who else owns the field: kubectl get mutatingwebhookconfiguration zz-tcr-webhook -o yaml --show-managed-fields."},
		{"no endpoints available", "TCR123", "the API server finds no replica that is ready", "See why no pod is: kubectl describe pods in the namespace of the installation."},
		{"could not find the requested resource", "TCR122", "the webhook has nothing at the path that the registration names", "Apply the chart again: helm upgrade."},
		{"not found", "TCR124", "the API server finds no Service of the webhook", "If it was uninstalled, delete what is left: kubectl tcr uninstall."},
		{"deadline exceeded", "TCR122", "the API server does not reach the webhook in time", "Open the webhook's port, 9443, from the control plane: security group of the nodes, NetworkPolicy; or set hostNetwork of the chart."},
		{"connection refused", "TCR122", "the API server is refused where the webhook should listen", "See whether the pods listen: their logs, and the targetPort of the Service."},
		{"denied the request", "TCR126", "the webhook denies the pod by a rule of the allow-list", "Give --image an image that is allowed there."},
	} {
		if strings.Contains(refusal, k.words) {
			severity := health.Error
			if k.code == "TCR126" {
				severity = health.Warning
			}
			return health.Finding{Code: k.code, Severity: severity, Text: k.text, Next: k.next}, true
		}
	}
	return health.Finding{Code: "TCR122", Severity: health.Error, Text: "the API server cannot call the webhook: " + refusal, Next: "See the logs of tcr-webhook at this moment."}, true
}
