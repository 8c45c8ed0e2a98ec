//go:build linux

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/cluster/node"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// vpc is the cluster's.
const vpc = "vpc-abc123"

// nodeAgent takes the names away from the node, gives the instance a private
// link without a DNS record, and has the agent write them where containerd
// looks.
func (b *bed) nodeAgent(t *testing.T) {
	t.Helper()
	require.NoError(t, node.RemoveHost(registryIP))
	b.cloud.AddInstance(tencent.Instance{ID: instanceID, Name: "demo", Links: []tencent.Link{{VPC: vpc, IP: registryIP}}})
	b.upgrade(t, chart.Values{
		"nodeAgent": chart.Values{"enabled": true, "removeOnExit": true},
		"config": chart.Values{
			"tencentCloud":   chart.Values{"vpc": vpc},
			"privateNetwork": chart.Values{"observeEvery": "1s"},
			"nodeAgent":      chart.Values{"enabled": true},
			"registries": []any{chart.Values{
				"instance": instanceID, "namespaces": []any{"*", "!no-rights"}, "route": "Auto",
			}},
		},
	})
	eventually(t, "the names on the node", func() (bool, string) {
		hosts := hostsFile(t)
		return strings.Contains(hosts, publicHost), hosts + b.state(t, release)
	})

	b.push(t, publicHost+"/team/by-hosts:1")
	pod := b.runOnce(t, "team-a", "by-hosts", publicHost+"/team/by-hosts:1", "print", "/name")
	assert.Equal(t, publicHost+"/team/by-hosts:1\n", b.succeeded(t, pod))
	assert.Equal(t, publicHost+"/team/by-hosts:1", pod.Spec.Containers[0].Image)
	assert.Equal(t, []corev1.LocalObjectReference{{Name: pullSecret}}, pod.Spec.ImagePullSecrets)
}

func hostsFile(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("/etc/hosts")
	require.NoError(t, err)
	return string(content)
}
