package release

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

func TestVersionIsTheCharts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../deploy/chart/tcr-webhook/Chart.yaml")
	require.NoError(t, err)
	var chart struct {
		AppVersion string `json:"appVersion"`
	}
	require.NoError(t, yaml.Unmarshal(text, &chart))
	assert.Equal(t, Version, chart.AppVersion, "cmd/kubectl-tcr/internal/release has another")
}

func TestSkew(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ plugin, server, want string }{
		"the same":                   {"0.6.1", "0.6.0", ""},
		"one apart":                  {"0.6.0", "v0.5.9", ""},
		"the plugin is newer":        {"0.6.0", "0.4.2", "plugin 0.6, server 0.4: the plugin is newer"},
		"the server is newer":        {"0.2.0", "v0.4.0-rc.1", "plugin 0.2, server 0.4: the server is newer"},
		"another major release":      {"1.0.0", "0.9.0", "plugin 1.0, server 0.9"},
		"a server of a commit":       {"0.2.0", "v0.9.1-0.20261123101500-abcdef012345", ""},
		"a server that does not say": {"0.2.0", "devel", ""},
		"nothing is known of it":     {"0.2.0", "", ""},
	} {
		got := Skew(tt.plugin, tt.server)
		if tt.want == "" {
			assert.Empty(t, got, name)
			continue
		}
		assert.Contains(t, got, tt.want, name)
	}
}
