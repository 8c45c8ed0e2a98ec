package doctor

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

func TestExamine(t *testing.T) {
	t.Parallel()
	found := []health.Finding{
		{Code: "TCR301", Severity: health.Warning}, {Code: "TCR402", Severity: health.Error}, {Code: "TCR203", Severity: health.Error}, {Code: "TCR401", Severity: health.Warning},
	}
	checks := Examine(found, []health.Unseen{{Thing: ThingRights, Why: "forbidden"}, {Thing: health.ThingDocument, Why: "in part"}})
	assert.Len(t, checks, len(kinds()))
	assert.Equal(t, "clocks agree", checks[0].Name, "the cause is not before what comes of it")
	assert.Equal(t, "tokens are renewed", checks[1].Name)
	assert.Len(t, checks[1].Findings, 2)
	assert.Equal(t, Failed, checks[1].Verdict)
	assert.Equal(t, Warned, checks[2].Verdict)
	assert.Equal(t, Skipped, checks[3].Verdict)
	assert.Equal(t, "forbidden", checks[3].Reason)
	assert.Equal(t, Fine, checks[len(checks)-1].Verdict)
	for _, c := range Examine(nil, nil, "kubernetes") {
		assert.Equal(t, "kubernetes", c.Group)
		assert.Equal(t, Fine, c.Verdict)
	}
}

// A code that no check has would be lost.
func TestEveryCodeHasOneCheck(t *testing.T) {
	t.Parallel()
	var codes []string
	for _, k := range kinds() {
		codes = append(codes, k.codes...)
		assert.NotEmpty(t, k.why)
	}
	slices.Sort(codes)
	assert.Equal(t, slices.Compact(slices.Clone(codes)), codes, "two checks have the same")
	for _, code := range health.Codes() {
		assert.Contains(t, codes, code)
	}
}

func TestOfPod(t *testing.T) {
	t.Parallel()
	const failed = `Internal error occurred: failed calling webhook "pods.tcr-webhook.io": failed to call webhook: Post "https://tcr-webhook.tcr-webhook.svc:443/mutate/pods?timeout=3s": `
	for text, code := range map[string]string{
		failed + "context deadline exceeded":                                                            "TCR122",
		failed + "dial tcp 10.0.0.1:443: connect: connection refused":                                   "TCR122",
		failed + "tls: failed to verify certificate: x509: certificate signed by unknown authority":     "TCR121",
		failed + "tls: x509: certificate is valid for a, not b":                                         "TCR128",
		failed + "tls: failed to verify certificate: x509: certificate has expired or is not yet valid": "TCR127",
		failed + "the server could not find the requested resource":                                     "TCR122",
		failed + `no endpoints available for service "tcr-webhook"`:                                     "TCR123",
		failed + `service "tcr-webhook" not found`:                                                      "TCR124",
		failed + "the server is currently unable to handle the request":                                 "TCR122",
		`admission webhook "policy.tcr-webhook.io" denied the request: image`:                           "TCR126",
		`admission webhook "other.example.com" denied the request`:                                      "",
		`pods "x" is forbidden: exceeded quota`:                                                         "",
	} {
		f, ok := OfPod(text)
		assert.Equal(t, code, f.Code, text)
		assert.Equal(t, code != "", ok)
	}
}
