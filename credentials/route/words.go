package route

import (
	"fmt"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Why is the word for the state of the route.
func (s State) Why() registry.Reason {
	switch {
	case s.Route != "":
		return s.Reason
	case s.Problem.Reason != "":
		return s.Problem.Reason
	}
	return registry.RouteNotKnown
}

// Explain says in a sentence how id is reached, and what to do where it is not
// privately.
func (s State) Explain(id registry.ID, c Settings) string {
	switch s.Route {
	case registry.RoutePublicName:
		return fmt.Sprintf("the public name of %s resolves to its private link in %s", id, c.VPC)
	case registry.RoutePrivateName:
		return fmt.Sprintf("of the names of %s only the -vpc name resolves in %s", id, c.VPC)
	case registry.RouteHosts:
		return fmt.Sprintf("nodes have the names of %s in their hosts files", id)
	}
	if c.Manage && s.Seen.Missing() != NoStep && s.Problem.Text != "" {
		return "the private route cannot be made: " + s.Problem.Text
	}
	switch s.Why() {
	case registry.NoLink:
		return fmt.Sprintf("no private link from %s to %s; %s, or check tencentCloud.vpc", c.VPC, id, c.remedy("link them in the TCR console"))
	case registry.LinkedElsewhere:
		return fmt.Sprintf("%s has links to other VPCs and none to %s; check tencentCloud.vpc, or %s", id, c.VPC, c.remedy("link it in the TCR console"))
	case registry.OtherRegion:
		return fmt.Sprintf("%s is in %s, not in %s, and has no link to %s; replicate it, or set route: Public", id, s.Seen.Home, c.Region, c.VPC)
	case registry.LinkPending:
		return fmt.Sprintf("the private link from %s to %s is being set up; create the pod anew when it runs", c.VPC, id)
	case registry.LinkBroken:
		return fmt.Sprintf("the private link from %s to %s is there and does not run; see to it in the TCR console", c.VPC, id)
	case registry.NoPrivateDNS:
		return fmt.Sprintf("the link from %s to %s runs, but no name resolves to it; %s", c.VPC, id, c.remedy("switch automatic resolution on in the TCR console"))
	case registry.DNSUnclear:
		return fmt.Sprintf("the link from %s to %s runs, but the API cannot tell which name resolves to it; see to PrivateDNS in the console", c.VPC, id)
	}
	if s.Problem.Text != "" {
		return s.Problem.Text
	}
	return fmt.Sprintf("nobody has looked yet how %s is reached from %s", id, c.VPC)
}

// remedy is what to do, and who does it.
func (c Settings) remedy(manual string) string {
	if c.Manage {
		return "tcr-webhook makes it (privateNetwork.manage)"
	}
	return manual
}

// Reach is why images of id stay where they are; the zero value where they are
// meant to. What passes by itself is no advice.
func (s State) Reach(id registry.ID, c Settings) registry.Reach {
	switch {
	case s.Route != "" && s.Route != registry.RouteNone:
		return registry.Reach{}
	case s.Why() == registry.RouteNotKnown:
		return registry.Reach{Reason: registry.RouteNotKnown}
	}
	return registry.Reach{Reason: s.Why(), Advice: s.Explain(id, c)}
}
