//go:build linux

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/cluster/node"
)

// TestRelease is the life of a release on one node, one thing after the other.
func TestRelease(t *testing.T) {
	t.Parallel()
	node.Require(t)
	b := newBed(t)
	b.install(t)
	for _, scenario := range []struct {
		name string
		run  func(*testing.T, *bed)
	}{
		{"an application of nothing but its image runs", applicationRuns},
		{"an image volume is mounted", imageVolume},
		{"an ephemeral container runs", ephemeralContainer},
		{"a CronJob runs", cronJob},
	} {
		passed := t.Run(scenario.name, func(t *testing.T) { scenario.run(t, b) }) //nolint:paralleltest // one after the other
		require.True(t, passed, "what comes after it would tell nothing")
	}
}

func applicationRuns(t *testing.T, b *bed) {
	b.namespace(t, "team-a", nil)
	b.deploy(t, "team-a", "app", appImage)
	for _, pod := range b.pods(t, "team-a", nil) {
		served(t, &pod)
	}
	assert.Positive(t, b.logins.of("team/app"))
	assert.Contains(t, b.state(t, "team-a"), "Successfully pulled image \""+privateHost+"/team/app:1\"")
}
