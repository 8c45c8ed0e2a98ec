package render

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

const (
	// maxTexts is how many objections a message has; the API server drops one
	// of more than 5 KiB.
	maxTexts = 3
	// maxNamed is how many patterns a message names, and maxNames how many
	// characters they may have.
	maxNamed, maxNames = 8, 1000
	// maxQuoted is how many characters of an image are quoted that is none.
	maxQuoted = 300
)

// remedy is the last sentence of a message.
const remedy = "Use an image that is allowed, or have your administrator change the rule"

// validation is the rule's verdict.
func validation(r policy.CanonicalRule) admissionregistrationv1.Validation {
	prefix := "''"
	if r.Action == policy.Enforce {
		prefix = "(object.kind == 'Pod' ? '' : 'pods will be denied: ')"
	}
	tail := ". "
	if r.Restricts {
		tail = "; allowed: " + allowed(r) + ". "
	}
	return admissionregistrationv1.Validation{
		Expression: "variables.objections.size() == 0",
		Message:    "an image is not allowed by rule " + r.Name + strings.TrimSuffix(tail, ". ") + ". " + remedy,
		MessageExpression: prefix + fmt.Sprintf(`
+ (variables.objections.size() <= %d
   ? variables.objections.join('; ')
   : variables.objections[0] + '; ' + variables.objections[1] + '; and ' + string(variables.objections.size() - 2) + ' more')
+ `, maxTexts) + literal(tail+remedy),
		Reason: new(metav1.StatusReasonForbidden), // as the webhook's
	}
}

// objections are the texts of a message, one for each image that the rule
// objects to.
func objections(r policy.CanonicalRule) string {
	by := "by rule " + r.Name
	allowed, digested := "true", "true"
	if r.Restricts {
		allowed = newShapes(r.Allow).holds()
	}
	if r.RequireDigest {
		digested = "i.image.contains('@')"
	}
	return fmt.Sprintf(`variables.verdicts.map(i, [i.image.startsWith(i.repository) ? i.image : i.image + ' (' + i.repository + ')'].map(named,
  i.repository == '' ? i.at + ': image ' + (i.image.matches(r'^[ -~]{0,%d}$') ? '"' + i.image + '"' : %s) + %s
  : i.denied != '' ? i.at + ': image ' + named + %s + i.denied
  : !(%s) ? i.at + ': image ' + named + %s
  : !(%s) ? i.at + ': image ' + named + %s
  : '')[0])
.filter(t, t != '')`, maxQuoted, literal(oddImage), literal(" is not allowed "+by+": it is not an image reference"),
		literal(" is denied "+by+", which denies "),
		allowed, literal(" is not allowed "+by),
		digested, literal(" is not allowed "+by+", which wants a digest: write it as name@sha256:…"))
}

// oddImage stands for an image that is not quoted.
const oddImage = "of odd characters, or of too many,"

// allowed names what the rule allows, in the words of the webhook.
func allowed(r policy.CanonicalRule) string {
	var names []string
	for _, p := range r.Allow {
		name := p.Written
		first, _, _ := strings.Cut(name, "/")
		if _, err := registry.ParseID(first); err == nil {
			name = strings.Replace(name, first, p.Host, 1)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	shown := 0
	for length := 0; shown < min(len(names), maxNamed) && length+len(names[shown]) <= maxNames; shown++ {
		length += len(names[shown])
	}
	text := strings.Join(names[:shown], ", ")
	if more := len(names) - shown; more > 0 {
		text = strings.TrimPrefix(fmt.Sprintf("%s and %d more", text, more), " and ")
	}
	return text
}
