package route

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

func running(public, private DNS) Observation {
	return Observation{Link: LinkRunning, IP: "10.0.0.2", Public: public, Private: private}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const (
		none, public, private, hosts = registry.RouteNone, registry.RoutePublicName, registry.RoutePrivateName, registry.RouteHosts
		nothing                      = registry.Route("")
	)
	for name, tc := range map[string]struct {
		seen    Observation
		inForce registry.Route
		agent   bool
		route   registry.Route
		why     registry.Reason
	}{
		"no link":                                     {Observation{Link: LinkAbsent}, nothing, false, none, registry.NoLink},
		"no link, but others have":                    {Observation{Link: LinkAbsent, Elsewhere: true}, nothing, false, none, registry.LinkedElsewhere},
		"no link, in another region":                  {Observation{Link: LinkAbsent, Elsewhere: true, Home: "ap-shanghai"}, nothing, false, none, registry.OtherRegion},
		"a link on its way":                           {Observation{Link: LinkPending}, nothing, true, none, registry.LinkPending},
		"a link that does not run":                    {Observation{Link: LinkBroken}, public, false, none, registry.LinkBroken},
		"no name resolves":                            {running(ResolvesNot, ResolvesNot), nothing, false, none, registry.NoPrivateDNS},
		"no name resolves, but nodes have it":         {running(ResolvesNot, ResolvesNot), nothing, true, hosts, ""},
		"the public name":                             {running(Resolves, ResolvesNot), nothing, false, public, ""},
		"both names":                                  {running(Resolves, Resolves), nothing, false, public, ""},
		"both names, and the private one is in use":   {running(Resolves, Resolves), private, false, public, ""},
		"the private name":                            {running(ResolvesNot, Resolves), nothing, false, private, ""},
		"the private name comes, and nodes had it":    {running(ResolvesNot, Resolves), hosts, true, hosts, ""},
		"the private name, and nodes no longer":       {running(ResolvesNot, Resolves), hosts, false, private, ""},
		"the private name is in use, an agent comes":  {running(ResolvesNot, Resolves), private, true, private, ""},
		"the public name, and nodes had it":           {running(Resolves, ResolvesNot), hosts, true, public, ""},
		"the public one unclear":                      {running(ResolvesMaybe, Resolves), nothing, false, none, registry.DNSUnclear},
		"the public one unclear, while it is in use":  {running(ResolvesMaybe, Resolves), public, false, public, ""},
		"the public one unclear, and the other used":  {running(ResolvesMaybe, Resolves), private, false, private, ""},
		"the private one unclear":                     {running(ResolvesNot, ResolvesMaybe), private, false, none, registry.DNSUnclear},
		"the region is another, and there is a link":  {Observation{Link: LinkRunning, IP: "10.0.0.2", Home: "ap-shanghai", Public: Resolves}, nothing, false, public, ""},
		"a link that has gone while the name is used": {Observation{Link: LinkAbsent}, private, false, none, registry.NoLink},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			route, why := Decide(tc.seen, tc.inForce, Settings{NodeAgent: tc.agent})
			assert.Equal(t, tc.route, route)
			assert.Equal(t, tc.why, why)
		})
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	assert.Equal(t, CreateLink, Observation{Link: LinkAbsent}.Missing())
	assert.Equal(t, CreateDNS, running(ResolvesNot, ResolvesNot).Missing())
	for _, o := range []Observation{
		{}, {Link: LinkPending}, {Link: LinkBroken}, running(Resolves, ResolvesNot), running(ResolvesNot, Resolves),
		running(ResolvesMaybe, ResolvesNot), running(ResolvesNot, ResolvesMaybe),
	} {
		assert.Equal(t, NoStep, o.Missing(), o)
	}
}
