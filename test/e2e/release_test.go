//go:build linux

package e2e

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
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
	cron := b.startCronJob(t)
	var first authn.AuthConfig // the login that the first pods are pulled with
	for _, scenario := range []struct {
		name string
		run  func(*testing.T, *bed)
	}{
		{"an application of nothing but its image runs", func(t *testing.T, b *bed) { first = applicationRuns(t, b) }},
		{"an image volume is mounted", imageVolume},
		{"an ephemeral container runs", ephemeralContainer},
		{"a replica is evicted", eviction},
		{"the server is rolled", rollingUpdate},
		{"no pod is lost", nothingIsLost},
		{"tokens expire, and new pods are pulled", func(t *testing.T, b *bed) { tokensExpire(t, b, first) }},
		{"a cached image is for those alone who may have it", cachedImages},
		{"a job's pod runs", func(t *testing.T, b *bed) { cronJob(t, b, cron) }},
		{"an emptied caBundle is refused, or comes back", wipedBundle},
		{"an uninstallation leaves nothing", uninstalled},
	} {
		passed := t.Run(scenario.name, func(t *testing.T) { scenario.run(t, b) }) //nolint:paralleltest // one after the other
		require.True(t, passed, "what comes after it would tell nothing")
	}
}

// applicationRuns returns the login that the application was pulled with.
func applicationRuns(t *testing.T, b *bed) authn.AuthConfig {
	t.Helper()
	b.namespace(t, "team-a", nil)
	b.deploy(t, "team-a", "app", appImage)
	for _, pod := range b.pods(t, "team-a", nil) {
		served(t, &pod)
	}
	assert.Positive(t, b.logins.of("team/app"))
	assert.Contains(t, b.state(t, "team-a"), "Successfully pulled image \""+privateHost+"/team/app:1\"")
	return b.login(t, "team-a")
}
