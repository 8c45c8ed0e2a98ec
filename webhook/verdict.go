package webhook

import (
	"net/http"
	"strconv"

	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// verdict is the answer of a webhook that changes nothing.
type verdict struct {
	denial   string   // why the request is denied; empty: it is allowed
	warnings []string // for whoever sent the request, as warning makes them
	// audit is the name of an audit annotation; empty for none.
	audit, auditValue string
}

// appendVerdict appends the AdmissionReview with what v says of request uid.
//
// A denial is for what its author did, by a rule that somebody wrote, and for
// nothing else: a fault of ours is an HTTP error, see answer.
func appendVerdict(b []byte, uid string, v verdict) []byte {
	b = appendHead(b, uid)
	if v.denial != "" {
		b = append(b, `,"allowed":false,"status":{"status":"Failure","reason":"Forbidden","code":`...)
		b = strconv.AppendInt(b, http.StatusForbidden, 10)
		b = append(b, `,"message":`...)
		b = append(podview.AppendQuote(b, v.denial), '}')
	} else {
		b = append(b, `,"allowed":true`...)
	}
	for i, w := range v.warnings {
		b = append(b, sep(i == 0, `,"warnings":[`)...)
		b = podview.AppendQuote(b, w)
	}
	if len(v.warnings) > 0 {
		b = append(b, ']')
	}
	if v.audit != "" {
		b = append(b, `,"auditAnnotations":{`...)
		b = append(podview.AppendQuote(b, v.audit), ':')
		b = append(podview.AppendQuote(b, v.auditValue), '}')
	}
	return append(b, `}}`...)
}

// appendHead begins an AdmissionReview that answers the request uid.
func appendHead(b []byte, uid string) []byte {
	b = append(b, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":`...)
	return podview.AppendQuote(b, uid)
}
