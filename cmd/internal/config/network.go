package config

import (
	"fmt"
	"regexp"
	"time"

	"github.com/tcr-webhook/tcr-webhook/credentials/route"
)

// PrivateNetwork says how the way from the cluster's VPC to the instances of
// route: Auto is observed, and who makes it.
type PrivateNetwork struct {
	// Manage has a missing private link made, and the public name resolve to
	// it. It takes rights of its own (deploy/cam-policy-manage.json). Nothing is
	// ever removed.
	Manage bool `yaml:"manage"`
	// Subnet of the VPC that the link gets its address from, such as
	// subnet-abc123. Wanted by manage.
	Subnet string `yaml:"subnet"`
	// ObserveEvery is how often links and DNS are looked at, in two calls for
	// each instance. Default 3m, at least 1s, at most 1h. What is about to
	// change is looked at more often.
	ObserveEvery *Duration `yaml:"observeEvery"`
}

// NodeAgent is tcr-hosts, which keeps the names of instances in the hosts files
// of nodes.
type NodeAgent struct {
	// Enabled has the names written for it: of the instances of route: Auto
	// whose link runs and whose names resolve to it by nothing else.
	Enabled bool `yaml:"enabled"`
}

const (
	defaultObserveEvery = 3 * time.Minute
	minObserveEvery     = time.Second
	maxObserveEvery     = time.Hour
)

var subnetPattern = regexp.MustCompile(`^subnet-[0-9a-z]+$`)

func (p *PrivateNetwork) setDefaults() {
	if p.ObserveEvery == nil {
		every := Duration(defaultObserveEvery)
		p.ObserveEvery = &every
	}
}

func (c *Config) validateNetwork(m *mistakes) {
	p := &c.PrivateNetwork
	if p.Subnet != "" && !subnetPattern.MatchString(p.Subnet) {
		m.add(fmt.Sprintf("%q is not a subnet id such as subnet-abc123", p.Subnet), "privateNetwork", "subnet")
	}
	if every := time.Duration(*p.ObserveEvery); every < minObserveEvery || every > maxObserveEvery {
		m.add(fmt.Sprintf("%s is out of range: want %s to %s", every, minObserveEvery, maxObserveEvery), "privateNetwork", "observeEvery")
	}
	if p.Manage && p.Subnet == "" {
		m.add("needs subnet, which a new link gets its address from, such as subnet-abc123", "privateNetwork", "manage")
	}
	const wantsVPC = "needs tencentCloud.vpc, the VPC of the cluster, such as vpc-abc123"
	if p.Manage && c.TencentCloud.VPC == "" {
		m.add(wantsVPC, "privateNetwork", "manage")
	}
	if c.NodeAgent.Enabled && c.TencentCloud.VPC == "" {
		m.add(wantsVPC, "nodeAgent", "enabled")
	}
}

// lintNetwork warns of routes that nobody can observe.
func (c *Config) lintNetwork(found *mistakes) {
	if c.TencentCloud.VPC != "" {
		return
	}
	for i := range c.Registries {
		if c.Registries[i].Route == RouteAuto {
			found.add(fmt.Sprintf("is not given, so nobody looks how the VPC reaches %s of route: Auto, and images stay as written; give it, or set route: Public",
				c.Registries[i].id()), "tencentCloud", "vpc")
			return
		}
	}
}

// Routes is what the decision about routes goes by.
func (c *Config) Routes() route.Settings {
	return route.Settings{
		VPC: c.TencentCloud.VPC, Region: c.TencentCloud.Region,
		NodeAgent: c.NodeAgent.Enabled, Manage: c.PrivateNetwork.Manage, Subnet: c.PrivateNetwork.Subnet,
	}
}
