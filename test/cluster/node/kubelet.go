//go:build linux

package node

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/process"
)

// kubeletConfig is of a node that takes what machine it gets: an old cgroup
// version, swap, a full disk. What is in a mounted Secret or ConfigMap follows
// within seconds, where others take a minute.
func kubeletConfig(c *containerd, ca string) string {
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupRoot: /%[1]s
failSwapOn: false
containerRuntimeEndpoint: unix://%[2]s
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: %[3]s}}
authorization: {mode: AlwaysAllow}
evictionHard: {memory.available: 1Mi}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
enforceNodeAllocatable: [pods]
makeIPTablesUtilChains: false
serializeImagePulls: false
syncFrequency: 5s
podLogsDir: %[4]s/pods
volumePluginDir: %[4]s/volume-plugins
healthzBindAddress: 127.0.0.1
oomScoreAdj: 0
resolvConf: ""
`, group(), c.socket(), ca, data)
}

// startKubelet runs the kubelet as the user that a node is.
func startKubelet(binaries string, c *containerd, k *cluster.Cluster) (*process.Process, error) {
	kubeconfig, err := userKubeconfig(k, "system:node:"+Name, "system:nodes")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(data, "kubelet.yaml")
	if err := os.WriteFile(config, []byte(kubeletConfig(c, k.CAFile())), 0o644); err != nil {
		return nil, err
	}
	return launch(binaries, "kubelet", "--config="+config, "--kubeconfig="+kubeconfig, "--root-dir="+filepath.Join(data, "kubelet"),
		"--cert-dir="+filepath.Join(data, "kubelet-certificates"), "--hostname-override="+Name, "--node-ip="+IP)
}
