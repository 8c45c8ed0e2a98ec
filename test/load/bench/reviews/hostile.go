package reviews

import (
	"fmt"
	"strings"
)

// Hostile is a review that is made to hurt. Its pod has one image of the
// instance, so that there is something to be done about it.
type Hostile struct {
	Name string
	// Accepted: the API server itself would take such a pod, of up to 3 MiB, and
	// ask about it. Others are sent straight to the port.
	Accepted bool
	Body     []byte
}

// HostileCorpus are the reviews of the reports of others' downfall.
func HostileCorpus() []Hostile {
	annotations := func(list string) string { return `"annotations":{` + list + `}` }
	return []Hostile{
		{"annotation of 2.5 MB of escapes", true, pod(annotations(`"a":"`+strings.Repeat(`\n`, 1_250_000)+`"`), "")},
		{"10 000 env vars", true, pod("", `"env":[`+list(10_000, `{"name":"E%d","value":"0123456"}`)+`]`)},
		{"20 000 annotations", true, pod(annotations(list(20_000, `"a%d":"0123456"`)), "")},
		{"6.9 MB of empty arrays, unknown field", false, pod(`"unknown":[`+strings.TrimSuffix(strings.Repeat("[],", 2_300_000), ",")+`]`, "")},
	}
}

// list is n times format, each with its number.
func list(n int, format string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// pod is the review of a pod with more in its metadata and its container.
func pod(metadata, container string) []byte {
	more := func(s string) string {
		if s == "" {
			return ""
		}
		return "," + s
	}
	return []byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{` +
		`"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","kind":{"group":"","version":"v1","kind":"Pod"},` +
		`"resource":{"group":"","version":"v1","resource":"pods"},"namespace":"` + Namespace + `","operation":"CREATE",` +
		`"userInfo":{},"object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"` + more(metadata) + `},` +
		`"spec":{"containers":[{"name":"app","image":"demo.tencentcloudcr.com/team-a/web:1","resources":{}` + more(container) + `}]},` +
		`"status":{}},"oldObject":null,"dryRun":false,"options":null}}`)
}
