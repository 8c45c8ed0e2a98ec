package registry

// Reason is why an image was changed or left alone: one of the words below,
// fit for a metric's label.
type Reason string

const (
	// Rewritten: the image moves to the host of the instance's route.
	Rewritten Reason = "Rewritten"
	// Respelled: the same host in the spelling that credentials are filed under.
	Respelled Reason = "Respelled"
	// AsWritten: the image is on the right host already.
	AsWritten Reason = "AsWritten"
	// NoPrivateHost: the route is private, but no private name is known.
	NoPrivateHost Reason = "NoPrivateHost"
	// NotManaged: the host is no registry of ours.
	NotManaged Reason = "NotManaged"
	// OtherPort: an instance's host on a port that is not the instance.
	OtherPort Reason = "OtherPort"
	// UnknownHost: a TCR host that no entry serves; a typo, or someone else's.
	UnknownHost Reason = "UnknownHost"
	// HostsNotKnown: a TCR host that may be an instance's whose hosts are not
	// known yet. The image stays, and the login comes all the same.
	HostsNotKnown Reason = "HostsNotKnown"
	// PublicMirror: a name under TCR's suffix that Tencent serves to everybody.
	PublicMirror Reason = "PublicMirror"
	// NotSelected: the instance is configured, but not for this namespace.
	NotSelected Reason = "NotSelected"
	// Unparsable: an instance's host, but not an image reference.
	Unparsable Reason = "Unparsable"
)

// Decision is what becomes of one image in one namespace.
type Decision struct {
	// Instance whose login the image needs; empty when it needs none of ours.
	Instance ID
	// Image is what the field should hold: the input where nothing changes.
	Image  string
	Reason Reason
}

// httpsPort may be written out; no other port is the instance.
const httpsPort = "443"

// Decide tells what becomes of image in ns. It changes nothing but the host,
// and deciding once more about its own answer changes nothing.
func (d *Directory) Decide(image string, ns Namespace) Decision {
	alone := func(r Reason) Decision { return Decision{Image: image, Reason: r} }
	img, ok := splitHost(image)
	if !ok {
		return alone(NotManaged)
	}
	indices, managed := d.byHost[img.Host]
	switch {
	case !managed:
		return d.unmanaged(image, img.Host, ns)
	case img.Port != "" && img.Port != httpsPort:
		return alone(OtherPort)
	case !wellFormed(len(image)-len(img.Rest)-1, img.Rest) && !grammatical(image):
		return alone(Unparsable)
	case isSystemPath(img.Host, img.Rest):
		return alone(PublicMirror)
	}
	for _, i := range indices {
		if e := &d.entries[i]; e.Namespaces.Match(ns) {
			return e.decide(image, img)
		}
	}
	return alone(NotSelected)
}

// unmanaged tells apart the hosts that no entry is known to serve.
func (d *Directory) unmanaged(image string, h Host, ns Namespace) Decision {
	alone := Decision{Image: image, Reason: UnknownHost}
	if !isInstanceName(h) {
		alone.Reason = NotManaged
		return alone
	}
	if isPublicMirror(h) {
		alone.Reason = PublicMirror
		return alone
	}
	// A pull secret cannot be added to a pod later. One too many does no harm.
	for _, i := range d.unnamed {
		if e := &d.entries[i]; e.Namespaces.Match(ns) {
			return Decision{Instance: e.ID, Image: image, Reason: HostsNotKnown}
		}
	}
	return alone
}

func (e *Entry) decide(image string, img imageRef) Decision {
	host, reason := img.Host, AsWritten
	if e.Route == RouteNone && e.Reach.Reason != "" {
		reason = e.Reach.Reason
	}
	if e.Route == RoutePrivateName {
		switch e.Hosts.Private {
		case img.Host:
		case "":
			reason = NoPrivateHost
		default:
			host, reason = e.Hosts.Private, Rewritten
		}
	}
	// The kubelet finds credentials by the bytes of the host, so an upper-case
	// letter or ":443" must go even where the host stays.
	want := img.at(host)
	if want != image && host == img.Host {
		reason = Respelled
	}
	return Decision{Instance: e.ID, Image: want, Reason: reason}
}
