package route

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

var (
	noon     = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	settings = Settings{VPC: "vpc-abc123", Region: "ap-guangzhou"}
	away     = Problem{Reason: registry.RouteNotKnown, Text: "no answer"}

	absent  = Observation{Link: LinkAbsent}
	pending = Observation{Link: LinkPending}
	noDNS   = running(ResolvesNot, ResolvesNot)
	private = running(ResolvesNot, Resolves)
	public  = running(Resolves, ResolvesNot)
)

// look is a State after each of seen; nil is a look without an answer.
func look(s State, seen ...*Observation) State {
	for _, o := range seen {
		if o == nil {
			s = s.Failed(away, settings, noon)
		} else {
			s = s.After(*o, settings, noon)
		}
	}
	return s
}

func TestRoutesChangeAfterTwoObservations(t *testing.T) {
	t.Parallel()
	other := running(Resolves, Resolves)
	for name, tc := range map[string]struct {
		seen []*Observation
		want registry.Route
		why  registry.Reason
	}{
		"nothing":                                        {nil, "", registry.RouteNotKnown},
		"no answer":                                      {[]*Observation{nil, nil}, "", registry.RouteNotKnown},
		"the first stands at once":                       {[]*Observation{&private}, registry.RoutePrivateName, ""},
		"the first after a failure as well":              {[]*Observation{nil, &private}, registry.RoutePrivateName, ""},
		"one odd answer":                                 {[]*Observation{&private, &noDNS, &private}, registry.RoutePrivateName, ""},
		"another, once":                                  {[]*Observation{&private, &public}, registry.RoutePrivateName, ""},
		"another, twice":                                 {[]*Observation{&private, &public, &other}, registry.RoutePublicName, ""},
		"back and forth":                                 {[]*Observation{&public, &noDNS, &public, &noDNS, &public, &noDNS}, registry.RoutePublicName, ""},
		"two others that differ":                         {[]*Observation{&public, &noDNS, &private}, registry.RoutePublicName, ""},
		"two that differ, and neither has the name":      {[]*Observation{&private, &noDNS, &public}, registry.RoutePublicName, ""},
		"another reason for the same":                    {[]*Observation{&absent, &pending}, registry.RouteNone, registry.LinkPending},
		"the API away":                                   {[]*Observation{&private, nil, nil, nil, nil}, registry.RoutePrivateName, ""},
		"the API away between two":                       {[]*Observation{&absent, &private, nil, &private}, registry.RoutePrivateName, ""},
		"the API away after the name was seen dead once": {[]*Observation{&private, &noDNS, nil}, registry.RouteNone, registry.NoPrivateDNS},
		"the API away after a better one was seen once":  {[]*Observation{&private, &other, nil}, registry.RoutePrivateName, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := look(State{VPC: settings.VPC}, tc.seen...)
			assert.Equal(t, tc.want, got.Route)
			assert.Equal(t, tc.why, got.Why())
		})
	}
}

func TestAnotherVPCBeginsAnew(t *testing.T) {
	t.Parallel()
	s := look(State{VPC: settings.VPC}, &private)
	assert.Equal(t, s, s.From(settings.VPC))
	assert.Equal(t, State{VPC: "vpc-other"}, s.From("vpc-other"))
}

func anything(r *rand.Rand) *Observation {
	if r.IntN(5) == 0 {
		return nil
	}
	o := Observation{Link: []Link{LinkAbsent, LinkPending, LinkRunning, LinkRunning, LinkRunning, LinkBroken}[r.IntN(6)]}
	if o.Link == LinkRunning {
		names := []DNS{Resolves, ResolvesNot, ResolvesMaybe}
		o.IP, o.Public, o.Private = "10.0.0.2", names[r.IntN(3)], names[r.IntN(3)]
	}
	return o.ptr()
}

func (o Observation) ptr() *Observation { return &o }

// After a look nothing is ever rewritten to a name that was last seen not to
// resolve, unless that was one odd answer after many good ones which the next
// look, due at once, decides about; and nothing changes that nothing changed.
func TestNoSequenceLeavesADeadNameInForce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		settings := settings
		settings.NodeAgent = r.IntN(4) == 0
		s := State{VPC: settings.VPC}
		dead := 0
		for range 40 {
			before, o := s, anything(r)
			if o == nil {
				s = s.Failed(away, settings, noon)
			} else if s = s.After(*o, settings, noon); o.privateWorks() {
				dead = 0
			}
			if o == nil && dead > 0 || o != nil && !o.privateWorks() {
				dead++
			}
			require.True(t, s.Valid())
			if s.Route == registry.RoutePrivateName {
				require.LessOrEqual(t, dead, 1, "seed %d: %+v", seed, s)
				require.True(t, dead == 0 || s.Doubted(), "seed %d: a dead name, and no look is due: %+v", seed, s)
				require.False(t, before.Route == registry.RoutePublicName && o.Public != ResolvesNot, "seed %d: the public name works, and images move", seed)
			}
			if o != nil && s.Route != "" {
				again := s.After(*o, settings, noon).After(*o, settings, noon)
				require.Equal(t, again, again.After(*o, settings, noon), "seed %d: it flaps", seed)
			}
		}
	}
}

func TestStatesAreStoredAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, s := range []State{look(State{VPC: "vpc-1"}, &private, &public), look(State{VPC: "vpc-1"}, nil), look(State{VPC: "vpc-1"}, &pending)} {
		raw, err := json.Marshal(s)
		require.NoError(t, err)
		var got State
		require.NoError(t, json.Unmarshal(raw, &got))
		assert.Equal(t, s, got)
		assert.True(t, got.Valid())
	}
	for name, s := range map[string]State{
		"no VPC":               {},
		"a made-up route":      {VPC: "vpc-1", Route: "Marker"},
		"a wish":               {VPC: "vpc-1", Route: registry.RouteAuto},
		"a link without an IP": {VPC: "vpc-1", Route: registry.RouteNone, Seen: Observation{Link: LinkRunning}},
		"a made-up link":       {VPC: "vpc-1", Seen: Observation{Link: "Marker"}},
	} {
		assert.False(t, s.Valid(), name)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	const id = registry.ID("tcr-m3ut3qxx")
	abroad := Observation{Link: LinkAbsent, Home: "ap-shanghai"}
	elsewhere := Observation{Link: LinkAbsent, Elsewhere: true}
	broken := Observation{Link: LinkBroken}
	unclear := running(ResolvesMaybe, ResolvesNot)
	for want, seen := range map[string]*Observation{
		"check tencentCloud.vpc":          &absent,
		"has links to other VPCs":         &elsewhere,
		"is in ap-shanghai, not in ap-gu": &abroad,
		"is being set up":                 &pending,
		"does not run":                    &broken,
		"no name resolves to it":          &noDNS,
		"PrivateDNS":                      &unclear,
	} {
		reach := look(State{VPC: settings.VPC}, seen).Reach(id, settings)
		assert.Contains(t, reach.Advice, want)
		assert.Contains(t, reach.Advice, string(id))
		assert.Contains(t, reach.Advice, settings.VPC)
		assert.Less(t, len("tcr-webhook: containers/a-rather-long-name: image stays on its host: "+reach.Advice), 256, "the API server would cut it")
	}
	assert.Equal(t, registry.Reach{Reason: registry.RouteNotKnown}, State{}.Reach(id, settings), "it passes")
	assert.Equal(t, registry.Reach{Reason: registry.RouteNotKnown}, look(State{}, nil).Reach(id, settings), "it passes")
	assert.Equal(t, registry.Reach{Reason: registry.RouteDenied, Advice: "needs"},
		State{}.Failed(Problem{Reason: registry.RouteDenied, Text: "needs"}, settings, noon).Reach(id, settings))
	for _, seen := range []*Observation{&private, &public} {
		assert.Zero(t, look(State{}, seen).Reach(id, settings))
		assert.NotEmpty(t, look(State{}, seen).Explain(id, settings))
	}
	managed := settings
	managed.Manage = true
	assert.Contains(t, look(State{}, &absent).Explain(id, managed), "tcr-webhook makes it")
}
