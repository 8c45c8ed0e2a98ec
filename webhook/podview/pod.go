package podview

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Pod is the part of a Pod that is read.
type Pod struct {
	Metadata Metadata `json:"metadata"`
	Spec     Spec     `json:"spec"`
}

// Metadata is the part of a Pod's metadata that is read.
type Metadata struct {
	GenerateName      string       `json:"generateName"`      // where the name is still to be made
	DeletionTimestamp string       `json:"deletionTimestamp"` // empty: not being deleted
	Labels            Labels       `json:"labels"`
	Annotations       Annotations  `json:"annotations"`
	OwnerReferences   Items[Owner] `json:"ownerReferences"`
	ManagedFields     unread       `json:"managedFields"`

	// Present tells metadata that is an object, even an empty one, from none.
	Present bool `json:"-"`
}

// UnmarshalJSONFrom decodes as usual and notes that there was something.
func (m *Metadata) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	type plain Metadata // without this method
	m.Present = dec.PeekKind() == '{'
	return json.UnmarshalDecode(dec, (*plain)(m))
}

// Labels are the labels that are read.
type Labels struct {
	Inject string `json:"tcr-webhook.io/inject"` // registry.InjectLabel
}

// Owner is what a Pod belongs to.
type Owner struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Controller bool   `json:"controller"`
}

// Spec is the part of a Pod's spec that is read.
type Spec struct {
	ServiceAccountName  string           `json:"serviceAccountName"` // empty: "default"
	ImagePullSecrets    PullSecrets      `json:"imagePullSecrets"`
	InitContainers      Items[Container] `json:"initContainers"`
	Containers          Items[Container] `json:"containers"`
	EphemeralContainers Items[Container] `json:"ephemeralContainers"`
	Volumes             Items[Volume]    `json:"volumes"`
}

// PullSecrets are the Secrets of its namespace that a Pod is pulled with.
type PullSecrets struct {
	Items Items[PullSecret]

	// Present tells a list, even an empty one, from none.
	Present bool
}

// PullSecret names a Secret.
type PullSecret struct {
	Name string `json:"name"`
}

// UnmarshalJSONFrom decodes the list and notes that there was one.
func (s *PullSecrets) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	s.Present = dec.PeekKind() == '['
	return json.UnmarshalDecode(dec, &s.Items)
}

// Container is the part of a container of any kind that is read.
type Container struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	Env   unread `json:"env"`
}

// unread passes over a value in one step. The decoder passes over members that
// it does not know token by token, which takes half as long again; so the two
// longest members of most Pods are known, for nothing else than that.
type unread struct{}

// UnmarshalJSONFrom checks that there is a value and keeps nothing of it.
func (*unread) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	_, err := dec.ReadValue()
	return err
}

// Volume is the part of a volume that is read.
type Volume struct {
	Name  string      `json:"name"`
	Image ImageVolume `json:"image"`
}

// ImageVolume is a volume whose content is pulled from a registry. Its
// reference is empty on all other kinds of volume.
type ImageVolume struct {
	Reference string `json:"reference"`
}

// HasPullSecret tells whether the Pod names the Secret.
func (p *Pod) HasPullSecret(name string) bool {
	for _, s := range p.Spec.ImagePullSecrets.Items {
		if s.Name == name {
			return true
		}
	}
	return false
}

// ServiceAccount is the name of the Pod's ServiceAccount.
func (p *Pod) ServiceAccount() string {
	if p.Spec.ServiceAccountName == "" {
		return "default" // as the API server would fill it in
	}
	return p.Spec.ServiceAccountName
}

// emptied is a Pod without content, but with p's memory for its lists.
func (p *Pod) emptied() Pod {
	return Pod{
		Metadata: Metadata{OwnerReferences: p.Metadata.OwnerReferences[:0]},
		Spec: Spec{
			ImagePullSecrets:    PullSecrets{Items: p.Spec.ImagePullSecrets.Items[:0]},
			InitContainers:      p.Spec.InitContainers[:0],
			Containers:          p.Spec.Containers[:0],
			EphemeralContainers: p.Spec.EphemeralContainers[:0],
			Volumes:             p.Spec.Volumes[:0],
		},
	}
}
