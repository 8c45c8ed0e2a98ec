package webhook

import (
	"slices"

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
	// NoPullSecret: the pod needs a pull secret and cannot be given one.
	NoPullSecret bool
	// Originals are the images as they were written before a change, as a JSON
	// object, where the pod itself could not keep them.
	Originals []byte
	// Warnings are for whoever sent the request.
	Warnings []string

	text []byte // memory for Originals
}

// reset empties d and keeps its memory, except for what others may hold on to.
func (d *Decision) reset() {
	d.Patch.Reset()
	*d = Decision{Images: d.Images[:0], Patch: d.Patch, text: d.text[:0]}
}

// Image is one image of a pod and what becomes of it.
type Image struct {
	Site podview.Site
	registry.Decision
}

// Changes tells whether the image is replaced.
func (i Image) Changes() bool { return i.Image != i.Site.Image }

// Decide tells what becomes of the pod of r. labels are those of its
// namespace. It reads nothing but its arguments, and deciding once more about
// its own result changes nothing.
//
// A new pod gets its images rewritten, the pull secret and an annotation. Of a
// pod that exists only the images that r brings are rewritten: the rest of it
// is immutable, and an image rewritten in passing would restart its container.
func Decide(r *podview.Request, state *State, labels map[string]string) Decision {
	var d Decision
	d.decide(r, state, labels)
	return d
}

// decide is Decide into memory that was used before.
func (d *Decision) decide(r *podview.Request, state *State, labels map[string]string) {
	d.reset()
	if d.Skip = leaveAlone(r, labels); d.Skip != "" {
		return
	}
	d.decideImages(r, state, registry.Namespace{Name: r.Namespace, Labels: labels})
	d.decidePullSecret(r, state.PullSecretName)
	d.keepOriginals(r)
	d.Warnings = warnings(d, r, state.PullSecretName)
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
	case meta.Labels.Inject == podview.InjectDisabled:
		return OptedOut
	case labels[podview.InjectLabel] == podview.InjectDisabled:
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

// decideImages decides the images that are new by r.
func (d *Decision) decideImages(r *podview.Request, state *State, ns registry.Namespace) {
	stay := state.comparesImages(&r.Object)
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

// decideImage takes up what becomes of one image, unless it has to stay.
func (d *Decision) decideImage(s podview.Site, verdict registry.Decision, stay bool) {
	i := Image{Site: s, Decision: verdict}
	if stay && i.Changes() {
		i.Image, i.Reason = s.Image, OwnerComparesImages
	}
	if i.Changes() {
		d.Patch.ReplaceImage(s, i.Image)
	}
	if i.Instance != "" && !slices.Contains(d.Instances, i.Instance) {
		d.Instances = append(d.Instances, i.Instance)
	}
	d.Images = append(d.Images, i)
}

func (d *Decision) decidePullSecret(r *podview.Request, name string) {
	switch {
	case len(d.Instances) == 0 || r.Object.HasPullSecret(name):
	case r.Operation == podview.Create:
		d.Patch.AppendPullSecret(&r.Object, name)
	default:
		d.NoPullSecret, d.Instances = true, nil
	}
}

// undecidable tells that an image was left alone since the namespace is not
// selected, which its labels, were they known, might change.
func (d *Decision) undecidable() bool {
	return slices.ContainsFunc(d.Images, func(i Image) bool { return i.Reason == registry.NotSelected })
}
