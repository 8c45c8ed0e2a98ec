package webhook

import (
	"encoding/base64"
	"slices"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// The audit annotations of an answer. The API server puts the name of the
// webhook before each.
const (
	auditSkipped    = "skipped"         // why the pod was left alone as a whole
	auditImages     = "images"          // why each image is what it is
	auditOriginals  = "original-images" // what was written before a change
	auditPullSecret = "pull-secret"     // what is wrong with it
	auditDelivery   = "delivery"        // what a namespace gets unasked
	auditPolicy     = "policy"          // what the allow-list has against each image
)

// maxAudit bounds the value of an audit annotation, in bytes. It is the bound
// that ValidatingAdmissionPolicies have for theirs.
const maxAudit = 10 << 10

// appendReview appends the AdmissionReview that allows the request uid with
// what d decided. What the API server would reject cannot be expressed: patch
// and its type come together or not at all.
func appendReview(b []byte, uid string, d *Decision, pending bool) []byte {
	b = appendHead(b, uid)
	b = append(b, `,"allowed":true`...)
	if patch := d.Patch.JSON(); patch != nil {
		b = append(b, `,"patchType":"JSONPatch","patch":"`...)
		b = base64.StdEncoding.AppendEncode(b, patch)
		b = append(b, '"')
	}
	for i, w := range d.Warnings {
		b = append(b, sep(i == 0, `,"warnings":[`)...)
		b = podview.AppendQuote(b, w)
	}
	if len(d.Warnings) > 0 {
		b = append(b, ']')
	}
	b = appendAudit(b, d, pending)
	return append(b, `}}`...)
}

func appendAudit(b []byte, d *Decision, pending bool) []byte {
	start := len(b)
	name := func(name string) {
		b = append(b, sep(len(b) == start, `,"auditAnnotations":{`)...)
		b = append(podview.AppendQuote(b, name), ':')
	}
	if d.Skip != "" {
		name(auditSkipped)
		b = podview.AppendQuote(b, d.Skip)
	}
	if slices.ContainsFunc(d.Images, concernsUs) {
		name(auditImages)
		b = appendReasons(b, d.Images)
	}
	if len(d.Originals) > 0 && len(d.Originals) <= maxAudit {
		name(auditOriginals)
		b = podview.AppendQuote(b, d.Originals)
	}
	switch {
	case d.Withheld != "":
		name(auditPullSecret)
		b = podview.AppendQuote(b, d.Withheld)
	case pending:
		name(auditPullSecret)
		b = podview.AppendQuote(b, "Pending")
	}
	if len(b) > start {
		b = append(b, '}')
	}
	return b
}

// concernsUs tells whether the image is worth a word in the audit log.
func concernsUs(i Image) bool { return i.Reason != registry.NotManaged }

// appendReasons appends, as one JSON string, why each image is what it is,
// such as "containers/app=Rewritten".
func appendReasons(b []byte, images []Image) []byte {
	var room [512]byte
	text := room[:0]
	for _, i := range images {
		if !concernsUs(i) {
			continue
		}
		text = append(text, sep(len(text) == 0, "")...)
		text = append(i.Site.AppendName(text), '=')
		text = append(text, i.Reason...)
		if len(text) > maxAudit {
			text = append(text[:maxAudit-len(more)], more...)
			break
		}
	}
	return podview.AppendQuote(b, text)
}

// more stands where a text was cut.
const more = "..."

// sep is what stands before an item of a list.
func sep(first bool, open string) string {
	if first {
		return open
	}
	return ","
}
