package registry

// Route says which host an instance's images are pulled from.
type Route string

const (
	// RouteAuto is the wish for one of the others, by what is observed. Until
	// then it leaves images on the host they name.
	RouteAuto Route = "Auto"
	// RoutePublicName leaves images on the host they name.
	RoutePublicName Route = "PublicName"
	// RoutePrivateName moves images to the instance's "-vpc" host.
	RoutePrivateName Route = "PrivateName"
	// RouteHosts leaves images on the host they name, which every node finds
	// in its hosts file.
	RouteHosts Route = "Hosts"
	// RouteNone leaves images on the host they name, since there is no private
	// route to any: Entry.Reach says why.
	RouteNone Route = "None"
)

// Why an instance has no private route, beside the reasons of decision.go.
const (
	// NoLink: the VPC has no link to the instance.
	NoLink Reason = "NoLink"
	// LinkedElsewhere: other VPCs have a link to the instance, this one has not.
	LinkedElsewhere Reason = "LinkedElsewhere"
	// OtherRegion: there is no link, and the instance is in another region.
	OtherRegion Reason = "OtherRegion"
	// LinkPending: the link is being set up.
	LinkPending Reason = "LinkPending"
	// LinkBroken: there is a link, and the API does not say that it runs.
	LinkBroken Reason = "LinkBroken"
	// NoPrivateDNS: the link runs, and no name resolves to it.
	NoPrivateDNS Reason = "NoPrivateDNS"
	// DNSUnclear: the link runs, and the API cannot tell what resolves to it.
	DNSUnclear Reason = "DNSUnclear"
	// RouteDenied: the identity lacks the right to look.
	RouteDenied Reason = "RouteDenied"
	// InstanceNotFound: the account and the region have no such instance.
	InstanceNotFound Reason = "InstanceNotFound"
	// RouteNotKnown: nobody has looked yet, or there was no answer.
	RouteNotKnown Reason = "RouteNotKnown"
)

// Reach is why an entry's images stay on the host they name. The zero value is
// that they are meant to.
type Reach struct {
	Reason Reason
	// Advice says it to whoever wrote the image, and what to do about it; empty
	// where there is nothing to do.
	Advice string
}

// Advice says to whoever wrote the image that was decided about what to do about
// the way to its instance, if there is anything.
func (d *Directory) Advice(about Decision) string {
	if about.Instance == "" {
		return ""
	}
	for i := range d.entries {
		e := &d.entries[i]
		if e.ID == about.Instance && (e.Reach.Reason == about.Reason || e.Route == RouteNone && about.Reason == Respelled) {
			return e.Reach.Advice
		}
	}
	return ""
}
