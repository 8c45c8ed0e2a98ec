package tokensecret

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

var (
	noon  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	demo  = registry.Key{ID: "tcr-demo0001"}
	other = registry.Key{ID: "tcr-demo0001", Account: "0a1b2c3d"}
)

func lasting(issued time.Time) token.Token {
	return token.Token{Username: "100012345678", Password: "pw-9d41", IssuedAt: issued, ExpiresAt: issued.Add(time.Hour)}
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	t.Parallel()
	c := Content{
		Tokens:    map[registry.Key]token.Token{demo: lasting(noon), other: lasting(noon.Add(time.Minute))},
		DigestKey: bytes.Repeat([]byte{7}, DigestKeyLength),
		Owed:      []string{"shop", "team-a"},
		Instances: map[registry.ID]registry.Described{"tcr-demo0001": {
			Hosts: registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com", Custom: []registry.Host{"r.example.com"}}, At: noon,
		}},
		Routes: map[registry.ID]route.State{"tcr-demo0001": {
			VPC: "vpc-abc123", Route: registry.RoutePrivateName, At: noon,
			Seen: route.Observation{Link: route.LinkRunning, IP: "10.0.0.2", Public: route.ResolvesNot, Private: route.Resolves},
		}},
	}
	data, err := c.Encode()
	require.NoError(t, err)
	assert.Len(t, data, 6)
	got, damaged := Decode(data)
	assert.Empty(t, damaged)
	if diff := cmp.Diff(c, got); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", got, got, got), "pw-9d41", "a printed content opens a registry")
}

func TestDecodeLeavesOutWhatIsDamaged(t *testing.T) {
	t.Parallel()
	good, err := Content{Tokens: map[registry.Key]token.Token{demo: lasting(noon)}}.Encode()
	require.NoError(t, err)
	whole := good["tcr-demo0001"]
	tests := []struct {
		name string
		key  string
		raw  string
	}{
		{"not JSON", "tcr-open0002", "marker"},
		{"no password", "tcr-open0002", `{"username":"u"}`},
		{"wrong types", "tcr-open0002", `{"username":1,"password":"p"}`},
		{"no instance", "marker", string(whole)},
		{"an empty account", "tcr-open0002.", string(whole)},
		{"a short digest key", "digest-key", "AAAA"},
		{"a digest key that is no base64", "digest-key", "%"},
		{"nothing", "tcr-open0002", ""},
		{"what is no namespace", "owed", "shop\nMarker"},
		{"no namespace at all", "owed", ""},
		{"instances that are no JSON", "instances", "marker"},
		{"an instance with a host that is none", "instances", `{"tcr-demo0001":{"public":"demo.tencentcloudcr.com","private":"Demo:443"}}`},
		{"an instance without a host", "instances", `{"tcr-demo0001":{}}`},
		{"routes that are no JSON", "routes", "marker"},
		{"no routes", "routes", "{}"},
		{"a route that is none", "routes", `{"tcr-demo0001":{"vpc":"vpc-1","route":"Marker"}}`},
		{"a route of what is no instance", "routes", `{"marker":{"vpc":"vpc-1"}}`},
		{"too many namespaces", "owed", strings.Repeat("a\n", MaxOwed) + "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, damaged := Decode(map[string][]byte{"tcr-demo0001": whole, tt.key: []byte(tt.raw)})
			assert.Equal(t, []string{tt.key}, damaged)
			assert.Equal(t, Content{Tokens: map[registry.Key]token.Token{demo: lasting(noon)}}, got)
		})
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	type tokens = map[registry.Key]token.Token
	old, young := lasting(noon.Add(-30*time.Minute)), lasting(noon)
	dead := lasting(noon.Add(-2 * time.Hour))
	tests := []struct {
		name         string
		stored, held tokens
		want         tokens
		news         bool
	}{
		{"nothing", nil, nil, tokens{}, false},
		{"a first token", nil, tokens{demo: young}, tokens{demo: young}, true},
		{"a newer token", tokens{demo: old}, tokens{demo: young}, tokens{demo: young}, true},
		{"an older token", tokens{demo: young}, tokens{demo: old}, tokens{demo: young}, false},
		{"the same", tokens{demo: young}, tokens{demo: young}, tokens{demo: young}, false},
		{"another's token stays", tokens{other: old}, tokens{demo: young}, tokens{demo: young, other: old}, true},
		{"another's token, and nothing held", tokens{other: old}, nil, tokens{other: old}, false},
		{"an expired one goes with the next write", tokens{other: dead}, tokens{demo: young}, tokens{demo: young}, true},
		{"an expired one alone is not worth one", tokens{other: dead}, nil, tokens{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, news := Content{Tokens: tt.stored}.Merge(Known{Tokens: tt.held}, noon)
			assert.Equal(t, tt.want, got.Tokens)
			assert.Equal(t, tt.news, news)
		})
	}
}

func TestMergeOwesWhatIsOwedNow(t *testing.T) {
	t.Parallel()
	c := Content{Owed: []string{"a", "b"}}
	merged, news := c.Merge(Known{Owed: []string{"b", "c"}}, noon)
	assert.Equal(t, []string{"b", "c"}, merged.Owed)
	assert.True(t, news)
	_, news = merged.Merge(Known{Owed: []string{"b", "c"}}, noon)
	assert.False(t, news)

	many := make([]string, MaxOwed+1)
	for i := range many {
		many[i] = fmt.Sprintf("team-%06d", i)
	}
	merged, _ = c.Merge(Known{Owed: many}, noon)
	data, err := merged.Encode()
	require.NoError(t, err)
	_, damaged := Decode(data)
	assert.Empty(t, damaged, "it writes more than it reads")
}

func TestWhatCannotBeGivesWay(t *testing.T) {
	t.Parallel()
	years, tomorrow := lasting(noon), lasting(noon.Add(24*time.Hour))
	years.ExpiresAt = noon.Add(10_000 * time.Hour)
	c := Content{
		Tokens: map[registry.Key]token.Token{demo: years, other: tomorrow, {ID: "tcr-open0002"}: lasting(noon.Add(time.Minute))},
		Instances: map[registry.ID]registry.Described{
			"tcr-demo0001": {Hosts: registry.Hosts{Public: "a.example.com"}, At: noon.Add(time.Hour)},
			"tcr-open0002": {Hosts: registry.Hosts{Public: "b.example.com"}, At: noon},
		},
		Routes: map[registry.ID]route.State{"tcr-demo0001": {VPC: "vpc-1", At: noon.Add(time.Hour)}, "tcr-open0002": {VPC: "vpc-1", At: noon}},
		Owed:   []string{"shop"}, DigestKey: []byte("k"),
	}
	want := Content{
		Tokens:    map[registry.Key]token.Token{{ID: "tcr-open0002"}: lasting(noon.Add(time.Minute))},
		Instances: map[registry.ID]registry.Described{"tcr-open0002": {Hosts: registry.Hosts{Public: "b.example.com"}, At: noon}},
		Routes:    map[registry.ID]route.State{"tcr-open0002": {VPC: "vpc-1", At: noon}},
		Owed:      []string{"shop"}, DigestKey: []byte("k"),
	}
	if diff := cmp.Diff(want, c.Plausible(noon)); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
	assert.Len(t, c.Tokens, 3, "what was read was changed")
}

func TestMergeKeepsWhatWasAskedLast(t *testing.T) {
	t.Parallel()
	described := func(host registry.Host, at time.Time) map[registry.ID]registry.Described {
		return map[registry.ID]registry.Described{"tcr-demo0001": {Hosts: registry.Hosts{Public: host}, At: at}}
	}
	c := Content{Instances: described("a.example.com", noon)}
	merged, news := c.Merge(Known{Instances: described("b.example.com", noon.Add(time.Second))}, noon)
	assert.True(t, news)
	assert.Equal(t, described("b.example.com", noon.Add(time.Second)), merged.Instances)
	assert.Equal(t, described("a.example.com", noon), c.Instances, "what was read was changed")
	_, news = merged.Merge(Known{Instances: described("a.example.com", noon)}, noon)
	assert.False(t, news)
	merged, news = Content{}.Merge(Known{Instances: described("a.example.com", noon)}, noon)
	assert.True(t, news)
	assert.Len(t, merged.Instances, 1)
}

func TestMergeKeepsTheNewestRoute(t *testing.T) {
	t.Parallel()
	routed := func(r registry.Route, at time.Time) map[registry.ID]route.State {
		return map[registry.ID]route.State{"tcr-demo0001": {VPC: "vpc-1", Route: r, At: at}}
	}
	stored := Content{Routes: routed(registry.RouteNone, noon)}
	for name, tc := range map[string]struct {
		held, want map[registry.ID]route.State
		news       bool
	}{
		"another, newer":         {routed(registry.RoutePublicName, noon.Add(1)), routed(registry.RoutePublicName, noon.Add(1)), true},
		"another, older":         {routed(registry.RoutePublicName, noon.Add(-1)), routed(registry.RouteNone, noon), false},
		"the same, seen again":   {routed(registry.RouteNone, noon.Add(time.Minute)), routed(registry.RouteNone, noon.Add(time.Minute)), false},
		"the same, much later":   {routed(registry.RouteNone, noon.Add(routesAge)), routed(registry.RouteNone, noon.Add(routesAge)), true},
		"nothing":                {nil, routed(registry.RouteNone, noon), false},
		"the same as it is held": {routed(registry.RouteNone, noon), routed(registry.RouteNone, noon), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			merged, news := stored.Merge(Known{Routes: tc.held}, noon)
			assert.Equal(t, tc.want, merged.Routes)
			assert.Equal(t, tc.news, news)
		})
	}
	_, news := Content{}.Merge(Known{Routes: routed("", noon)}, noon)
	assert.True(t, news)
	assert.Equal(t, routed(registry.RouteNone, noon), stored.Routes, "what was read was changed")
}

func FuzzDecode(f *testing.F) {
	f.Add("tcr-demo0001", []byte(`{"username":"u","password":"p","issuedAt":"2026-11-23T12:00:00Z","expiresAt":"2026-11-23T13:00:00Z"}`))
	f.Add("tcr-demo0001.0a1b2c3d", []byte(`{"username":"u","password":"p"}`))
	f.Add("digest-key", []byte(strings.Repeat("A", 43)+"="))
	f.Add("instances", []byte(`{"tcr-demo0001":{"public":"demo.tencentcloudcr.com","custom":["r.example.com"],"askedAt":"2026-11-23T12:00:00Z"}}`))
	f.Add("owed", []byte("shop\nteam-a"))
	f.Add("routes", []byte(`{"tcr-demo0001":{"vpc":"vpc-1","route":"None","reason":"NoLink","seen":{"link":"Absent"},"at":"2026-11-23T12:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		c, damaged := Decode(map[string][]byte{name: raw})
		if len(damaged) > 0 {
			return
		}
		data, err := c.Encode()
		if err != nil {
			t.Skip() // a year that JSON cannot write
		}
		again, damaged := Decode(data)
		require.Empty(t, damaged)
		if diff := cmp.Diff(c, again); diff != "" {
			t.Errorf("content (-first +second):\n%s", diff)
		}
	})
}
