package webhook

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

const (
	// maxWarning is where the API server cuts a warning, in characters
	// (k8s.io/apiserver, endpoints/filters/warning.go).
	maxWarning = 256
	// maxWarnings is how many images of one pod are complained about.
	maxWarnings = 8
)

// warnings say what the sender of r could do something about; secret is the
// name of the pull Secret.
func warnings(d *Decision, r *podview.Request, secret string, directory *registry.Directory) []string {
	var list []string
	more := 0
	for _, i := range d.Images {
		text := imageWarning(i, r)
		if advice := directory.Advice(i.Decision); text == "" && advice != "" {
			text = "image stays on its host: " + advice
		}
		switch {
		case text == "":
		case len(list) == maxWarnings:
			more++
		default:
			list = append(list, warning(i.Site.String()+": "+text))
		}
	}
	if more > 0 {
		list = append(list, warning(fmt.Sprintf("%d more images are left as written", more)))
	}
	if text := withheldWarning(d.Withheld, r, secret); text != "" && !d.Spare {
		list = append(list, warning(text))
	}
	return list
}

func withheldWarning(why registry.Reason, r *podview.Request, secret string) string {
	switch why {
	case NoPullSecret:
		return fmt.Sprintf("this pod does not name the pull secret %q and can no longer be given it: the pull may be refused; create the pod anew", secret)
	case MountableSecretsEnforced:
		return fmt.Sprintf("list %q in imagePullSecrets of ServiceAccount %q: it enforces mountable secrets, so this pod gets no login and its images stay as written", secret, r.Object.ServiceAccount())
	}
	return ""
}

func imageWarning(i Image, r *podview.Request) string {
	host, _, _ := strings.Cut(i.Site.Image, "/")
	switch i.Reason {
	case registry.UnknownHost:
		return fmt.Sprintf("%q is no registry that is configured here: image left as written, no pull secret for it", host)
	case registry.OtherPort:
		return fmt.Sprintf("%q is not the registry, which serves port 443 alone: image left as written, no pull secret for it", host)
	case registry.Unparsable:
		return fmt.Sprintf("%q is not an image reference: left as written", i.Site.Image)
	case registry.NotSelected:
		if len(r.Object.Spec.ImagePullSecrets.Items) == 0 {
			return fmt.Sprintf("namespace %q gets no login for %q, and the pod names no pull secret of its own", r.Namespace, host)
		}
	}
	return ""
}

// warning names the speaker and cuts the text where the API server would.
func warning(text string) string {
	text = "tcr-webhook: " + text
	if utf8.RuneCountInString(text) <= maxWarning {
		return text
	}
	return string([]rune(text)[:maxWarning-1]) + "…"
}
