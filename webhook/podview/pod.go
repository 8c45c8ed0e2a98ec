package podview

import "github.com/go-json-experiment/json/jsontext"

// Pod is the part of a Pod that is read.
type Pod struct {
	Metadata Metadata
	Spec     Spec
}

// Metadata is the part of a Pod's metadata that is read.
type Metadata struct {
	GenerateName      string // where the name is still to be made
	DeletionTimestamp string // empty: not being deleted
	Labels            Labels
	Annotations       Annotations
	OwnerReferences   []Owner

	// Present tells metadata that is an object, even an empty one, from none.
	Present bool
}

// Labels are the labels that are read.
type Labels struct {
	Inject string // registry.InjectLabel
}

// Owner is what a Pod belongs to.
type Owner struct {
	APIVersion string
	Kind       string
	Controller bool
}

// Spec is the part of a Pod's spec that is read.
type Spec struct {
	ServiceAccountName  string // empty: "default"
	ImagePullSecrets    PullSecrets
	InitContainers      []Container
	Containers          []Container
	EphemeralContainers []Container
	Volumes             []Volume
}

// PullSecrets are the Secrets of its namespace that a Pod is pulled with.
type PullSecrets struct {
	Items []PullSecret

	// Present tells a list, even an empty one, from none.
	Present bool
}

// PullSecret names a Secret.
type PullSecret struct {
	Name string
}

// Container is the part of a container of any kind that is read.
type Container struct {
	Name  string
	Image string
}

// Volume is the part of a volume that is read.
type Volume struct {
	Name  string
	Image ImageVolume
}

// ImageVolume is a volume whose content is pulled from a registry. Its
// reference is empty on all other kinds of volume.
type ImageVolume struct {
	Reference string
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

// UnmarshalJSONFrom has package json read the Pod in what it reads as usual.
func (p *Pod) UnmarshalJSONFrom(dec *jsontext.Decoder) error { return p.read(reader{dec, nil}) }

// UnmarshalJSONFrom has package json read the Spec in what it reads as usual.
func (s *Spec) UnmarshalJSONFrom(dec *jsontext.Decoder) error { return s.read(reader{dec, nil}) }

func (p *Pod) read(r reader) error {
	_, err := r.object(func(name []byte) error {
		switch string(name) {
		case "metadata":
			return p.Metadata.read(r)
		case "spec":
			return p.Spec.read(r)
		}
		return r.skip()
	})
	return err
}

func (m *Metadata) read(r reader) (err error) {
	m.Present, err = r.object(func(name []byte) error {
		switch string(name) {
		case "generateName":
			return r.text(&m.GenerateName)
		case "deletionTimestamp":
			return r.text(&m.DeletionTimestamp)
		case "labels":
			return m.Labels.read(r)
		case "annotations":
			return m.Annotations.read(r)
		case "ownerReferences":
			_, err := list(r, &m.OwnerReferences, (*Owner).read)
			return err
		}
		return r.skip()
	})
	return err
}

func (l *Labels) read(r reader) error {
	_, err := r.object(func(name []byte) error {
		if string(name) == "tcr-webhook.io/inject" { // registry.InjectLabel
			return r.text(&l.Inject)
		}
		return r.skip()
	})
	return err
}

func (o *Owner) read(r reader) error {
	_, err := r.object(func(name []byte) error {
		switch string(name) {
		case "apiVersion":
			return r.text(&o.APIVersion)
		case "kind":
			return r.text(&o.Kind)
		case "controller":
			return r.bool(&o.Controller)
		}
		return r.skip()
	})
	return err
}

func (s *Spec) read(r reader) error {
	_, err := r.object(func(name []byte) (err error) {
		switch string(name) {
		case "serviceAccountName":
			return r.text(&s.ServiceAccountName)
		case "imagePullSecrets":
			s.ImagePullSecrets.Present, err = list(r, &s.ImagePullSecrets.Items, (*PullSecret).read)
		case "initContainers":
			_, err = list(r, &s.InitContainers, (*Container).read)
		case "containers":
			_, err = list(r, &s.Containers, (*Container).read)
		case "ephemeralContainers":
			_, err = list(r, &s.EphemeralContainers, (*Container).read)
		case "volumes":
			_, err = list(r, &s.Volumes, (*Volume).read)
		default:
			return r.skip()
		}
		return err
	})
	return err
}

func (s *PullSecret) read(r reader) error {
	_, err := r.object(func(name []byte) error {
		if string(name) == "name" {
			return r.text(&s.Name)
		}
		return r.skip()
	})
	return err
}

func (c *Container) read(r reader) error {
	_, err := r.object(func(name []byte) error {
		switch string(name) {
		case "name":
			return r.text(&c.Name)
		case "image":
			return r.text(&c.Image)
		}
		return r.skip()
	})
	return err
}

func (v *Volume) read(r reader) error {
	_, err := r.object(func(name []byte) error {
		switch string(name) {
		case "name":
			return r.text(&v.Name)
		case "image":
			return v.Image.read(r)
		}
		return r.skip()
	})
	return err
}

func (v *ImageVolume) read(r reader) error {
	_, err := r.object(func(name []byte) error {
		if string(name) == "reference" {
			return r.text(&v.Reference)
		}
		return r.skip()
	})
	return err
}
