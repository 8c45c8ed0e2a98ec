package route

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

func TestLines(t *testing.T) {
	t.Parallel()
	hosts := registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com", Custom: []registry.Host{"a.example.com"}}
	entries := []registry.Entry{
		{ID: "tcr-demo0001", Route: registry.RouteHosts, Hosts: hosts},
		{ID: "tcr-demo0001", Route: registry.RouteHosts, Hosts: hosts},
		{ID: "tcr-open0002", Route: registry.RoutePublicName, Hosts: registry.Hosts{Public: "open.tencentcloudcr.com"}},
	}
	states := map[registry.ID]State{"tcr-demo0001": {Seen: noDNS}}
	state := func(id registry.ID) State { return states[id] }
	lines, ok := Lines(entries, state)
	require.True(t, ok)
	assert.Equal(t, []Line{
		{Domain: "a.example.com", IP: "10.0.0.2"}, {Domain: "demo-vpc.tencentcloudcr.com", IP: "10.0.0.2"}, {Domain: "demo.tencentcloudcr.com", IP: "10.0.0.2"},
	}, lines)

	states["tcr-demo0001"] = State{Seen: absent}
	_, ok = Lines(entries, state)
	assert.False(t, ok, "the link was seen gone, once")

	lines, ok = Lines(entries[2:], state)
	assert.True(t, ok)
	assert.Equal(t, []Line{}, lines, "not null, which would be no list")
}
