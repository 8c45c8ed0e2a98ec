package doctor

import (
	"regexp"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

var (
	bucketHost = regexp.MustCompile(`[a-z0-9.-]+\.cos\.[a-z0-9-]+\.myqcloud\.com|[a-z0-9.-]+\.myqcloud\.com`)
	lookedUp   = regexp.MustCompile(`lookup ([a-z0-9.-]+)`)
)

// OfPull says what a kubelet's message about an image tells of what lies between
// a node and the registry. It is false for what is the image's own fault, such as
// a tag that does not exist.
func OfPull(image, message string) (health.Finding, bool) {
	f := health.Finding{Severity: health.Warning}
	timedOut := strings.Contains(message, "i/o timeout") || strings.Contains(message, "deadline exceeded") || strings.Contains(message, "connection refused") ||
		strings.Contains(message, "no route to host") || strings.Contains(message, "TLS handshake timeout")
	bucket := bucketHost.FindString(message)
	switch {
	case bucket != "" && (timedOut || strings.Contains(message, "no such host") || strings.Contains(message, "403")):
		f.Code, f.Text, f.Next = "TCR311", "nodes do not get layers from the bucket "+bucket, "Allow the nodes to reach it: security group, egress policy, proxy. Registries answer with its address, and need not be able to reach it themselves."
	case strings.Contains(message, "no such host"), strings.Contains(message, "server misbehaving"):
		name := image
		if m := lookedUp.FindStringSubmatch(message); m != nil {
			name = m[1]
		}
		f.Code, f.Text, f.Next = "TCR312", "nodes do not find "+name+" by DNS", "Have the nodes ask the resolver of the VPC, switch automatic resolution on for this name, or use the node agent."
	case strings.Contains(message, "x509:"):
		f.Code, f.Text, f.Next = "TCR314", "nodes do not trust the certificate of the registry", "Give the nodes the CA of the proxy in between, or of the custom domain."
	case timedOut:
		f.Code, f.Text, f.Next = "TCR313", "nodes do not reach the registry", "See the private link and the security group of the nodes; for a public address, whether the instance lets them in."
	case strings.Contains(message, "insufficient_scope"):
		f.Code, f.Text, f.Next = "TCR410", "the login is good and has no right to the image", "Make the TCR namespace, mind its spelling, or let tcr:PullRepository of deploy/cam-policy.json cover it."
	case strings.Contains(message, "401"), strings.Contains(message, "no basic auth"), strings.Contains(message, "unauthorized"), strings.Contains(message, "pull access denied"), strings.Contains(message, "authorization failed"):
		f.Code, f.Text, f.Next = "TCR406", "the registry refuses the login", "If the pod names no pull secret it is older than the installation: create it anew. Otherwise see kubectl tcr status."
	default:
		return health.Finding{}, false
	}
	return f, true
}
