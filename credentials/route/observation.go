package route

import "net/netip"

// Link is what there is between a VPC and an instance.
type Link string

// The states of a Link.
const (
	LinkAbsent  Link = "Absent"
	LinkPending Link = "Pending" // it has no address yet
	LinkRunning Link = "Running"
	LinkBroken  Link = "Broken" // whatever else the API says
)

// DNS is whether a name resolves to the link's address within the VPC.
type DNS string

// The states of a DNS.
const (
	NotAsked      DNS = "" // there is no link to resolve to
	Resolves      DNS = "Resolves"
	ResolvesNot   DNS = "ResolvesNot"
	ResolvesMaybe DNS = "ResolvesMaybe" // the API cannot tell
)

// Observation is what was seen of one instance from one VPC.
type Observation struct {
	Link Link `json:"link"`
	// IP of a link that runs.
	IP string `json:"ip,omitempty"`
	// Elsewhere tells that other VPCs have links.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Home is the instance's region if it is known and not the cluster's.
	Home string `json:"home,omitempty"`
	// Public and Private are about the instance's two names.
	Public  DNS `json:"public,omitempty"`
	Private DNS `json:"private,omitempty"`
}

// privateWorks tells whether the "-vpc" name leads to the instance.
func (o Observation) privateWorks() bool { return o.Link == LinkRunning && o.Private == Resolves }

// valid tells whether o can have been written by this program.
func (o Observation) valid() bool {
	switch o.Link {
	case LinkAbsent, LinkPending, LinkBroken, "":
		return o.IP == ""
	case LinkRunning:
		_, err := netip.ParseAddr(o.IP)
		return err == nil
	}
	return false
}
