//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/process"
)

// Node is the running cluster.
type Node struct {
	*cluster.Cluster
	// Kubectl is the program, and Kubeconfig the administrator's.
	Kubectl, Kubeconfig string

	procs []*process.Process
}

// Start starts the cluster, inside of Main, and returns when its node is ready,
// some seconds later. ctx bounds the start alone.
func Start(ctx context.Context) (*Node, error) {
	if !isInside() {
		return nil, errors.New("start a node: not in namespaces of its own; Main of package node makes them")
	}
	kubernetesDir, containerdDir, err := cluster.NodeBinaries(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	n := &Node{Kubectl: filepath.Join(kubernetesDir, "kubectl"), Kubeconfig: filepath.Join(data, "admin.kubeconfig")}
	if err := n.start(ctx, kubernetesDir, containerdDir); err != nil {
		return nil, errors.Join(fmt.Errorf("start a node: %w", err), n.Stop())
	}
	return n, nil
}

func (n *Node) start(ctx context.Context, kubernetesDir, containerdDir string) (err error) {
	c := newContainerd(containerdDir)
	if err := n.keep(c.start(ctx)); err != nil {
		return err
	}
	n.Cluster, err = cluster.Start(ctx, cluster.Options{Dir: filepath.Join(data, "cluster"), Binaries: kubernetesDir, Address: IP, Audit: true})
	if err != nil {
		return err
	}
	if err := cluster.WriteKubeconfig(n.Kubeconfig, n.Config()); err != nil {
		return err
	}
	for _, start := range []func() (*process.Process, error){
		func() (*process.Process, error) { return startControllerManager(kubernetesDir, n.Cluster) },
		func() (*process.Process, error) { return startScheduler(kubernetesDir, n.Cluster) },
		func() (*process.Process, error) { return startProxy(kubernetesDir, n.Cluster) },
		func() (*process.Process, error) { return startKubelet(kubernetesDir, c, n.Cluster) },
	} {
		if err := n.keep(start()); err != nil {
			return err
		}
	}
	return n.ready(ctx)
}

// keep takes a process that was started, for Stop.
func (n *Node) keep(p *process.Process, err error) error {
	if p != nil {
		n.procs = append(n.procs, p)
	}
	return err
}

// startLimit is ten times what a start takes on an idle machine.
const startLimit = time.Minute

// ready returns when pods can be made: there is a node that takes them, and the
// ServiceAccount that they run as.
func (n *Node) ready(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(n.Config())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		reason := notReady(ctx, client)
		if reason == nil {
			return nil
		}
		for _, p := range n.procs {
			if p.Ended() {
				return p.ExitError()
			}
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w; the logs are in %s", context.Cause(ctx), reason, logs())
		}
	}
}

func notReady(ctx context.Context, client kubernetes.Interface) error {
	node, err := client.CoreV1().Nodes().Get(ctx, Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
			_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
			return err
		}
	}
	return errors.New("the node is not ready")
}

// Stop ends the cluster's programs. Pods, and what they have asked the API server
// to tell them, end with the process that Main is in, so it does not wait for them.
func (n *Node) Stop() error {
	var errs []error
	for i := len(n.procs) - 1; i >= 0; i-- {
		errs = append(errs, n.procs[i].Stop())
	}
	if n.Cluster != nil {
		errs = append(errs, n.KillAPIServer(), n.Cluster.Stop())
	}
	return errors.Join(errs...)
}
