package route

import (
	"errors"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Settings are what the configuration says of routes.
type Settings struct {
	// VPC and Region are the cluster's.
	VPC, Region string
	// NodeAgent tells that nodes keep a hosts file of ours.
	NodeAgent bool
	// Manage tells that missing links and DNS records are made by us, in Subnet.
	Manage bool
	Subnet string
}

// Decide is the route that follows from an observation, and why there is none.
// inForce is the route so far, or "".
//
// A name that works is preferred that images are written with: one that changes
// makes every cached image a new one, and operators that compare images loop.
// So is what is in force, where it works too.
func Decide(o Observation, inForce registry.Route, s Settings) (registry.Route, registry.Reason) {
	if o.Link != LinkRunning {
		return registry.RouteNone, noLink(o)
	}
	switch {
	case o.Public == Resolves:
		return registry.RoutePublicName, ""
	case o.Public != ResolvesNot && inForce == registry.RoutePublicName:
		return registry.RoutePublicName, "" // it rewrites nothing, whether or not the name works
	case s.NodeAgent && inForce == registry.RouteHosts:
		return registry.RouteHosts, "" // the public name works
	case o.Private == Resolves && (o.Public == ResolvesNot || inForce == registry.RoutePrivateName):
		return registry.RoutePrivateName, ""
	case s.NodeAgent:
		return registry.RouteHosts, ""
	case o.Public == ResolvesNot && o.Private == ResolvesNot:
		return registry.RouteNone, registry.NoPrivateDNS
	}
	return registry.RouteNone, registry.DNSUnclear
}

func noLink(o Observation) registry.Reason {
	switch {
	case o.Link == LinkPending:
		return registry.LinkPending
	case o.Link == LinkBroken:
		return registry.LinkBroken
	case o.Home != "":
		return registry.OtherRegion
	case o.Elsewhere:
		return registry.LinkedElsewhere
	}
	return registry.NoLink
}

// Step is what is to be made so that there is a private route.
type Step string

// The Steps.
const (
	NoStep     Step = ""
	CreateLink Step = "CreateLink"
	CreateDNS  Step = "CreateDNS"
)

// ErrExists is that there is already what a Step was to make, as far as the API
// can be understood.
var ErrExists = errors.New("it is there already")

// Missing is the next thing that nobody has made yet. What is on its way, what
// is broken and what cannot be told is left to itself.
func (o Observation) Missing() Step {
	switch {
	case o.Link == LinkAbsent:
		return CreateLink
	case o.Link == LinkRunning && o.Public == ResolvesNot && o.Private == ResolvesNot:
		return CreateDNS
	}
	return NoStep
}
