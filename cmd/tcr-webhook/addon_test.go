package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

func TestAddonEntries(t *testing.T) {
	t.Parallel()
	hosts := []registry.Host{"demo.tencentcloudcr.com", "demo-vpc.tencentcloudcr.com"}
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"none":           {"", nil},
		"no list":        {"marker: 1", nil},
		"of another":     {"- {domain: other.tencentcloudcr.com, ip: 10.0.0.2, disabled: false}", nil},
		"switched off":   {"- {domain: demo.tencentcloudcr.com, ip: 10.0.0.2, disabled: true}", nil},
		"of ours":        {"- {domain: demo.tencentcloudcr.com, ip: 10.0.0.2, disabled: false}", []string{"the TCR add-on sets demo.tencentcloudcr.com in the hosts files of nodes, by ConfigMap tcr-assistant-system/updater-config"}},
		"without a word": {"- {domain: demo-vpc.tencentcloudcr.com, ip: 10.0.0.2}", []string{"the TCR add-on sets demo-vpc.tencentcloudcr.com in the hosts files of nodes, by ConfigMap tcr-assistant-system/updater-config"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, addonEntries(tc.text, hosts))
		})
	}
}

func TestHostsYAML(t *testing.T) {
	t.Parallel()
	text, err := hostsYAML(nil)
	assert.NoError(t, err)
	assert.Equal(t, "[]\n", text)
}
