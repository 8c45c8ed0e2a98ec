//go:build linux

package node

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/process"
)

// Their defaults let through twenty requests a second, which is what a test of
// some hundred pods would measure.
var unhurried = []string{"--kube-api-qps=500", "--kube-api-burst=1000", "--leader-elect=false", "--bind-address=127.0.0.1"}

func startControllerManager(binaries string, k *cluster.Cluster) (*process.Process, error) {
	kubeconfig, err := userKubeconfig(k, "system:kube-controller-manager")
	if err != nil {
		return nil, err
	}
	return launch(binaries, "kube-controller-manager", append([]string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--service-account-private-key-file=" + k.ServiceAccountKeyFile(), "--root-ca-file=" + k.CAFile(),
		"--use-service-account-credentials=true", "--concurrent-gc-syncs=20", "--concurrent-namespace-syncs=10",
	}, unhurried...)...)
}

func startScheduler(binaries string, k *cluster.Cluster) (*process.Process, error) {
	kubeconfig, err := userKubeconfig(k, "system:kube-scheduler")
	if err != nil {
		return nil, err
	}
	return launch(binaries, "kube-scheduler", append([]string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
	}, unhurried...)...)
}

// startProxy leaves the kernel's limits of connections alone: they are the
// machine's.
func startProxy(binaries string, k *cluster.Cluster) (*process.Process, error) {
	kubeconfig, err := userKubeconfig(k, "system:kube-proxy")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(data, "kube-proxy.yaml")
	content := `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clusterCIDR: ` + podNetwork + `
hostnameOverride: ` + Name + `
healthzBindAddress: 127.0.0.1:10256
conntrack: {maxPerCore: 0, min: 0}
clientConnection: {kubeconfig: ` + kubeconfig + `}
iptables: {minSyncPeriod: 100ms}
`
	if err := os.WriteFile(config, []byte(content), 0o644); err != nil {
		return nil, err
	}
	return launch(binaries, "kube-proxy", "--config="+config)
}

// userKubeconfig writes a kubeconfig of a user of the cluster and returns its
// path.
func userKubeconfig(k *cluster.Cluster, user string, groups ...string) (string, error) {
	config, err := k.UserConfig(user, groups...)
	if err != nil {
		return "", err
	}
	path := filepath.Join(data, strings.ReplaceAll(user, ":", "-")+".kubeconfig")
	return path, cluster.WriteKubeconfig(path, config)
}

func launch(binaries, program string, args ...string) (*process.Process, error) {
	command := process.Server(program, filepath.Join(binaries, program), logFile(program), args)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	return process.Launch(command)
}

func logFile(program string) string { return filepath.Join(logs(), program+".log") }
