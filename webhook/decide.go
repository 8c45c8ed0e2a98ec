package webhook

import (
	"slices"
	"strconv"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// Why a pod, or an image of it, is left alone, beside the reasons of package
// registry.
const (
	// NotAPod: neither the creation nor the update of a pod's images; the
	// webhook is registered for more than it serves.
	NotAPod registry.Reason = "NotAPod"
	// MirrorPod: the picture of a static pod, which the kubelet owns.
	MirrorPod registry.Reason = "MirrorPod"
	// Deleting: nothing of the pod will be pulled any more.
	Deleting registry.Reason = "Deleting"
	// OptedOut: the pod's label says so.
	OptedOut registry.Reason = "OptedOut"
	// NamespaceOptedOut: the namespace's label says so.
	NamespaceOptedOut registry.Reason = "NamespaceOptedOut"
	// OwnerComparesImages: the image stays, see State.SkipOwners.
	OwnerComparesImages registry.Reason = "OwnerComparesImages"
	// NoPullSecret: the pod exists already, and without the pull secret.
	NoPullSecret registry.Reason = "NoPullSecret"
	// MountableSecretsEnforced: the pod's ServiceAccount lets it name the pull
	// secrets alone that it lists itself, and ours is not among them.
	MountableSecretsEnforced registry.Reason = "MountableSecretsEnforced"
	// NoLogin: the image stays, since the pod is refused the login of the host
	// it would move to. What the pod has of its own is filed under this one.
	NoLogin registry.Reason = "NoLogin"
)

// Decision is what becomes of a pod.
type Decision struct {
	// Skip is why the pod was left alone as a whole. It is empty where its
	// images were looked at.
	Skip registry.Reason
	// Images are those that were looked at, each with what became of it.
	Images []Image
	// Patch makes the changes.
	Patch podview.Patch
	// Instances are whose logins the pod's pull secret has to hold. It is
	// empty where the pod needs none or names no pull secret.
	Instances []registry.ID
	// Withheld is why the pod needs the pull secret and is not given it. It is
	// empty where the pod has it, or needs none.
	Withheld registry.Reason
	// Spare: the pull secret is for what the pod may pull later, and none of
	// its images needs it. Nobody is warned about it.
	Spare bool
	// Originals are the images as they were written before a change, as a JSON
	// object, where the pod itself could not keep them.
	Originals []byte
	// Warnings are for whoever sent the request.
	Warnings []string

	text []byte // memory for Originals
}

// reset empties d and keeps its memory, except for texts that others may hold.
func (d *Decision) reset() {
	d.Patch.Reset()
	*d = Decision{Images: d.Images[:0], Instances: d.Instances[:0], Patch: d.Patch, text: d.text[:0]}
}

// Image is one image of a pod and what becomes of it.
type Image struct {
	Site podview.Site
	registry.Decision
}

// Changes tells whether the image is replaced.
func (i Image) Changes() bool { return i.Image != i.Site.Image }

// Surroundings are what a pod is decided by beside the request and the state.
type Surroundings struct {
	// NamespaceLabels are those of the pod's namespace.
	NamespaceLabels map[string]string
	// ServiceAccountAnnotations are those of the pod's ServiceAccount, nil
	// where it is not known. It is then taken not to restrict the pod: if it
	// does, the API server refuses the pod by name of the pull secret, and its
	// controller tries again a moment later; the other error would be a pod
	// that can never pull.
	ServiceAccountAnnotations map[string]string
	// EveryPod asks for the pull secret in every pod of a namespace that some
	// registry serves.
	EveryPod bool
}

// EnforceMountableSecretsAnnotation on a ServiceAccount has the API server
// refuse pods that name another pull secret than the ServiceAccount does.
const EnforceMountableSecretsAnnotation = "kubernetes.io/enforce-mountable-secrets"

// enforced tells whether the pod may only name the pull secrets that its
// ServiceAccount lists. The value is read as the API server reads it.
func (s *Surroundings) enforced() bool {
	value, ok := s.ServiceAccountAnnotations[EnforceMountableSecretsAnnotation]
	if !ok {
		return false
	}
	enforced, err := strconv.ParseBool(value)
	return err == nil && enforced
}

// Decide tells what becomes of the pod of r. It reads nothing but its
// arguments, and deciding once more about its own result changes nothing.
//
// A new pod gets its images rewritten, the pull secret and an annotation. Of a
// pod that exists only the images that r brings are rewritten: the rest of it
// is immutable, and an image rewritten in passing would restart its container.
func Decide(r *podview.Request, state *State, around Surroundings) Decision {
	var d Decision
	d.decide(r, state, around)
	return d
}

// decide is Decide into memory that was used before.
func (d *Decision) decide(r *podview.Request, state *State, around Surroundings) {
	d.reset()
	if d.Skip = leaveAlone(r, around.NamespaceLabels); d.Skip != "" {
		return
	}
	ns := registry.Namespace{Name: r.Namespace, Labels: around.NamespaceLabels}
	withhold := withholding(r, state, &around)
	d.decideImages(r, state, ns, staying(r, state, withhold))
	if len(d.Instances) == 0 && around.EveryPod && r.Operation == podview.Create {
		d.spare(state, ns)
	}
	d.decidePullSecret(r, state.PullSecretName, withhold)
	d.keepOriginals(r)
	d.Warnings = warnings(d, r, state.PullSecretName, state.Directory)
}

// leaveAlone is the reason not to look at the images at all, or none.
func leaveAlone(r *podview.Request, labels map[string]string) registry.Reason {
	meta := &r.Object.Metadata
	switch {
	case !bringsImages(r):
		return NotAPod
	case meta.Annotations.Mirror:
		return MirrorPod
	case meta.DeletionTimestamp != "":
		return Deleting
	case meta.Labels.Inject == registry.InjectDisabled:
		return OptedOut
	case labels[registry.InjectLabel] == registry.InjectDisabled:
		return NamespaceOptedOut
	}
	return ""
}

// ephemeralContainers is the subresource that adds a container to a running pod.
const ephemeralContainers = "ephemeralcontainers"

// bringsImages tells whether r can bring an image into a pod at all.
func bringsImages(r *podview.Request) bool {
	if r.Kind != (podview.GroupKind{Kind: "Pod"}) {
		return false
	}
	switch r.SubResource {
	case "":
		return r.Operation == podview.Create || r.Operation == podview.Update
	case ephemeralContainers:
		return r.Operation == podview.Update
	}
	return false
}

// withholding is why the pod cannot be given the pull secret, or none.
func withholding(r *podview.Request, state *State, around *Surroundings) registry.Reason {
	switch {
	case r.Object.HasPullSecret(state.PullSecretName):
		return ""
	case r.Operation != podview.Create:
		return NoPullSecret
	case around.enforced():
		return MountableSecretsEnforced
	}
	return ""
}

// staying is why the pod's images stay where they are, or none.
func staying(r *podview.Request, state *State, withhold registry.Reason) registry.Reason {
	switch {
	case state.comparesImages(&r.Object):
		return OwnerComparesImages
	case withhold == MountableSecretsEnforced:
		return NoLogin
	}
	return ""
}

// decideImages decides the images that are new by r, unless they have to stay.
func (d *Decision) decideImages(r *podview.Request, state *State, ns registry.Namespace, stay registry.Reason) {
	if r.Operation == podview.Create {
		for s := range r.Object.Sites() {
			d.decideImage(s, state.Directory.Decide(s.Image, ns), stay)
		}
		return
	}
	for s := range r.Object.SitesChangedFrom(&r.OldObject) {
		ephemeral := s.List == podview.EphemeralContainers
		if ephemeral == (r.SubResource == ephemeralContainers) {
			d.decideImage(s, state.Directory.Decide(s.Image, ns), stay)
		}
	}
}

// decideImage takes up what becomes of one image, unless there is a reason
// for it to stay.
func (d *Decision) decideImage(s podview.Site, verdict registry.Decision, stay registry.Reason) {
	i := Image{Site: s, Decision: verdict}
	if stay != "" && i.Changes() {
		i.Image, i.Reason = s.Image, stay
	}
	if i.Changes() {
		d.Patch.ReplaceImage(s, i.Image)
	}
	if i.Instance != "" && !slices.Contains(d.Instances, i.Instance) {
		d.Instances = append(d.Instances, i.Instance)
	}
	d.Images = append(d.Images, i)
}

// spare asks for the logins of the whole namespace.
func (d *Decision) spare(state *State, ns registry.Namespace) {
	for _, e := range state.Directory.Serving(ns) {
		d.Instances = append(d.Instances, e.ID)
	}
	d.Spare = len(d.Instances) > 0
}

func (d *Decision) decidePullSecret(r *podview.Request, name string, withhold registry.Reason) {
	switch {
	case len(d.Instances) == 0 || r.Object.HasPullSecret(name):
	case withhold == "":
		d.Patch.AppendPullSecret(&r.Object, name)
	default:
		d.Withheld, d.Instances = withhold, d.Instances[:0]
	}
}

// undecidable tells that an image was left alone since the namespace is not
// selected, which its labels, were they known, might change.
func (d *Decision) undecidable() bool {
	return slices.ContainsFunc(d.Images, func(i Image) bool { return i.Reason == registry.NotSelected })
}
