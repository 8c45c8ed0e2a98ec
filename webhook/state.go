package webhook

import (
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// State is what pods are decided by, as one immutable snapshot. A change of
// configuration or of an instance's hosts replaces it whole.
type State struct {
	// Directory knows the registries.
	Directory *registry.Directory
	// PullSecretName is the name under which every namespace has its login.
	PullSecretName string
	// SkipOwners are controllers that compare their pods' images with what
	// they wrote and would recreate a rewritten pod for ever. Such pods get
	// the pull secret, and their images stay.
	SkipOwners []podview.GroupKind
	// DenyWithoutPullSecret denies new pods that need the pull secret and
	// slipped past without it, instead of warning.
	DenyWithoutPullSecret bool
	// Policy is the registry allow-list; nil where there is none.
	Policy *policy.Policy
}

// comparesImages tells whether the pod's controller is one of SkipOwners.
func (s *State) comparesImages(pod *podview.Pod) bool {
	for _, o := range pod.Metadata.OwnerReferences {
		group, _, grouped := strings.Cut(o.APIVersion, "/")
		if !grouped {
			group = "" // "v1"
		}
		if o.Controller && slices.Contains(s.SkipOwners, podview.GroupKind{Group: group, Kind: o.Kind}) {
			return true
		}
	}
	return false
}
