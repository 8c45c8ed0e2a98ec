package podview

import (
	"iter"
	"strconv"
)

// List is one of the lists of a Pod's spec that hold images.
type List uint8

// The lists, in the order in which Sites goes through them.
const (
	InitContainers List = iota
	Containers
	EphemeralContainers
	Volumes
)

// String is the list's name in a Pod's spec.
func (l List) String() string {
	return [...]string{"initContainers", "containers", "ephemeralContainers", "volumes"}[l]
}

// Site is one place of a Pod where an image stands.
type Site struct {
	List  List
	Index int    // in the list
	Name  string // of the container or volume
	Image string // never empty
}

// String names the site for people, such as "containers/app". Unlike its
// pointer it stays the same when somebody puts a container in front.
func (s Site) String() string { return string(s.AppendName(nil)) }

// AppendName appends what String returns.
func (s Site) AppendName(b []byte) []byte {
	b = append(b, s.List.String()...)
	b = append(b, '/')
	if s.Name == "" { // which the API server will refuse
		return strconv.AppendInt(b, int64(s.Index), 10)
	}
	return append(b, s.Name...)
}

// Pointer is the JSON pointer (RFC 6901) to the image in the Pod.
func (s Site) Pointer() string { return string(s.appendPointer(nil)) }

func (s Site) appendPointer(b []byte) []byte {
	b = append(b, "/spec/"...)
	b = append(b, s.List.String()...)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(s.Index), 10)
	if s.List == Volumes {
		return append(b, "/image/reference"...)
	}
	return append(b, "/image"...)
}

// Sites goes through every image of the Pod. An empty image is none: there is
// nothing to decide about it, and the API server asks for one by itself.
func (p *Pod) Sites() iter.Seq[Site] {
	return func(yield func(Site) bool) {
		_ = containerSites(InitContainers, p.Spec.InitContainers, yield) &&
			containerSites(Containers, p.Spec.Containers, yield) &&
			containerSites(EphemeralContainers, p.Spec.EphemeralContainers, yield) &&
			volumeSites(p.Spec.Volumes, yield)
	}
}

func containerSites(l List, containers []Container, yield func(Site) bool) bool {
	for i, c := range containers {
		if c.Image != "" && !yield(Site{List: l, Index: i, Name: c.Name, Image: c.Image}) {
			return false
		}
	}
	return true
}

func volumeSites(volumes []Volume, yield func(Site) bool) bool {
	for i, v := range volumes {
		if v.Image.Reference != "" && !yield(Site{List: Volumes, Index: i, Name: v.Name, Image: v.Image.Reference}) {
			return false
		}
	}
	return true
}

// SitesChangedFrom goes through the images of the Pod that old does not have
// under the same list and name. An update may reorder a list, so neither the
// position nor the mere presence of an image says that it is new.
func (p *Pod) SitesChangedFrom(old *Pod) iter.Seq[Site] {
	type place struct {
		list List
		name string
	}
	return func(yield func(Site) bool) {
		before := map[place]string{}
		for s := range old.Sites() {
			before[place{s.List, s.Name}] = s.Image
		}
		for s := range p.Sites() {
			if before[place{s.List, s.Name}] != s.Image && !yield(s) {
				return
			}
		}
	}
}
