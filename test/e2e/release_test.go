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
		run  func(*testing.T)
	}{
		{"an application of nothing but its image runs", func(t *testing.T) { first = b.applicationRuns(t) }}, //nolint:thelper // none is a helper
		{"an image volume is mounted", b.imageVolume},
		{"an ephemeral container runs", b.ephemeralContainer},
		{"a replica is evicted", b.eviction},
		{"the server is rolled", b.rollingUpdate},
		{"no pod is lost", b.nothingIsLost},
		{"tokens expire, and new pods are pulled", func(t *testing.T) { b.tokensExpire(t, first) }}, //nolint:thelper // likewise
		{"a cached image is for those alone who may have it", b.cachedImages},
		{"a job's pod runs", func(t *testing.T) { b.cronJob(t, cron) }}, //nolint:thelper // likewise
		{"the node agent leads to the private link", b.nodeAgent},
		{"an emptied caBundle is refused, or comes back", b.wipedBundle},
		{"an uninstallation leaves nothing", b.uninstalled},
		{"the README installs it", b.installedByTheReadme},
	} {
		require.True(t, t.Run(scenario.name, scenario.run), "what comes after it would tell nothing")
	}
}

// applicationRuns returns the login that the application was pulled with.
func (b *bed) applicationRuns(t *testing.T) authn.AuthConfig {
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
