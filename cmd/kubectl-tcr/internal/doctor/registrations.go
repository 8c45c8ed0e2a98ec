package doctor

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

const (
	podsEntry       = "pods.tcr-webhook.io"
	bestEffortEntry = "pods-best-effort.tcr-webhook.io"
	applyAgain      = "Apply the chart again: helm upgrade."
)

// OfRegistrations says what somebody has made of the registrations. Hosts are
// those that the server says it serves.
func OfRegistrations(live registration.Live, d *status.Document, now time.Time) []health.Finding {
	if live.Mutating == nil || live.Validating == nil {
		return nil // which package health says
	}
	var found []health.Finding
	for i := range live.Mutating.Webhooks {
		w := &live.Mutating.Webhooks[i]
		if len(w.Rules) > 0 {
			found = append(found, ofEntry(w, now)...)
		}
	}
	var hosts []registry.Host
	if d != nil {
		for _, i := range d.Instances {
			for _, h := range i.Hosts {
				hosts = append(hosts, registry.Host(h))
			}
		}
	}
	for _, gap := range registration.Gaps(live, hosts, registration.NoAllowList) {
		code, next := "TCR104", applyAgain
		switch gap.Kind {
		case registration.CABundleMissing, registration.FailurePolicyBlocks, registration.Leftover:
			continue // said of the entries, or by the server, that knows of an allow-list
		case registration.NotUnderstood:
			code = "TCR114"
		}
		s := health.Error
		if code == "TCR114" {
			s = health.Warning
		}
		found = append(found, health.Finding{Code: code, Severity: s, Text: gap.String(), Next: next})
	}
	return found
}

// ofEntry says what is wrong with a webhook that pods go through.
func ofEntry(w *admissionregistrationv1.MutatingWebhook, now time.Time) (found []health.Finding) {
	add := func(code string, s health.Severity, text, next string) {
		found = append(found, health.Finding{Code: code, Severity: s, Text: w.Name + " " + text, Next: next})
	}
	if text := bundleFault(w.ClientConfig.CABundle, now); text != "" {
		add("TCR108", health.Error, text, "With certs.mode self the server fills it in within seconds: see its logs. With cert-manager, see whether cainjector runs; with provided, write it yourself.")
	}
	ignores := w.FailurePolicy != nil && *w.FailurePolicy == admissionregistrationv1.Ignore
	switch {
	case w.Name == podsEntry && ignores:
		add("TCR115", health.Warning, "has failurePolicy Ignore: while nobody answers, pods are admitted without a login, and stay so", "Set failurePolicy: Fail in the values of the chart, or, where this is meant, leave it with --ignore TCR115.")
	case w.Name == bestEffortEntry && !ignores:
		add("TCR115", health.Error, "has failurePolicy Fail: while nobody answers, the pods that a cluster needs to come up are not created", applyAgain)
	}
	if (w.Name == podsEntry || w.Name == bestEffortEntry) && len(w.MatchConditions) == 0 {
		add("TCR114", health.Warning, "has no matchConditions: every pod of the cluster waits for us, those without an image of yours, too", applyAgain)
	}
	return found
}

// bundleFault says why nobody can be trusted by a caBundle. That there is none is
// package health's.
func bundleFault(bundle []byte, now time.Time) string {
	if len(bundle) == 0 {
		return ""
	}
	certificates, ends := 0, time.Time{}
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			certificates++
			if c.NotAfter.After(ends) {
				ends = c.NotAfter
			}
		}
	}
	switch {
	case certificates == 0:
		return "has a caBundle without a certificate, so that the API server trusts nobody by it"
	case now.After(ends):
		return fmt.Sprintf("has a caBundle that expired at %s", ends.UTC().Format(time.RFC3339))
	}
	return ""
}
