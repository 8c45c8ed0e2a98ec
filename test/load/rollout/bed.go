package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/load/machine"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// head is the configuration: every namespace is served, by the private route.
const head = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, identity: SecretKey, endpoint: ENDPOINT}
registries:
- instance: ` + stack.InstanceID + `
  route: Private
`

// bed is a cluster with its controllers, and tcr-webhook unless it is measured
// without.
type bed struct {
	cluster  *cluster.Cluster
	stack    *stack.Stack // nil without tcr-webhook
	detour   *detour
	client   kubernetes.Interface
	metadata metadata.Interface
	servers  []server
	stops    []func() error // in the order of start
}

// server is a process that costs something.
type server struct {
	name string
	machine.PID
}

// pullSecret is the name of every pull Secret.
const pullSecret = "tcr-pull"

func startBed(ctx context.Context, o options, replicas int, out io.Writer) (*bed, error) {
	b := &bed{}
	if err := b.start(ctx, o, replicas, out); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	return b, nil
}

func (b *bed) start(ctx context.Context, o options, replicas int, out io.Writer) error {
	dir, err := os.MkdirTemp(inMemory(), "tcr-webhook-rollout-")
	if err != nil {
		return err
	}
	b.stops = append(b.stops, func() error { return os.RemoveAll(dir) })
	if err := b.startCluster(ctx, o, replicas, dir, out); err != nil {
		return err
	}
	config := rest.CopyConfig(b.cluster.Config())
	config.ContentType = "application/vnd.kubernetes.protobuf"
	if b.client, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	if b.metadata, err = metadata.NewForConfig(config); err != nil {
		return err
	}
	if err := b.unschedule(ctx); err != nil {
		return err
	}
	fleet, err := startFleet(ctx, b.cluster, o, dir)
	b.stops = append(b.stops, fleet.stop)
	if err != nil {
		return err
	}
	return b.find()
}

// unschedule has nobody make pods of tcr-webhook itself: its replicas are
// processes.
func (b *bed) unschedule(ctx context.Context) error {
	if b.stack == nil {
		return nil
	}
	_, err := b.client.AppsV1().Deployments(stack.Namespace).Patch(ctx, "tcr-webhook", types.MergePatchType, []byte(`{"spec":{"replicas":0}}`), metav1.PatchOptions{})
	return err
}

func (b *bed) startCluster(ctx context.Context, o options, replicas int, dir string, out io.Writer) (err error) {
	adapt := func(c *cluster.Options) {
		c.Binaries, c.Controllers, c.AuditOnly = o.kubernetes, true, stack.User
	}
	if replicas == 0 {
		c := cluster.Options{Dir: filepath.Join(dir, "cluster")}
		adapt(&c)
		if b.cluster, err = cluster.Start(ctx, c); err == nil {
			b.stops = append(b.stops, b.cluster.Stop)
		}
		return err
	}
	b.detour = newDetour(ctx)
	b.stops = append(b.stops, b.detour.stop)
	b.stack, err = stack.Start(ctx, stack.Options{
		Dir: dir, Binary: o.binary, Replicas: replicas, Config: head, Cluster: adapt, Detour: b.detour.start, Progress: out,
	})
	if err != nil {
		return err
	}
	b.stops = append(b.stops, b.stack.Stop)
	b.cluster = b.stack.Cluster
	return nil
}

// find finds the processes. A name in Linux has fifteen letters.
func (b *bed) find() error {
	for _, s := range []struct{ name, comm string }{
		{"kube-apiserver", "kube-apiserver"}, {"etcd", "etcd"}, {"kube-controller-manager", "kube-controller"},
		{"kube-scheduler", "kube-scheduler"}, {"kwok", "kwok"},
	} {
		pid, err := machine.ChildNamed(s.comm)
		if err != nil {
			return err
		}
		b.servers = append(b.servers, server{s.name, pid})
	}
	for i, r := range b.replicas() {
		b.servers = append(b.servers, server{replicaName(i), machine.PID(r.PID())})
	}
	return nil
}

func replicaName(i int) string { return fmt.Sprintf("replica %d", i+1) }

// replicas of tcr-webhook, if there are any.
func (b *bed) replicas() []*stack.Server {
	if b.stack == nil {
		return nil
	}
	return b.stack.Servers
}

// stop stops everything, the last started first.
func (b *bed) stop() (err error) {
	for i := len(b.stops) - 1; i >= 0; i-- {
		err = errors.Join(err, b.stops[i]())
	}
	return err
}

// inMemory is a folder in memory, where there is one: etcd waits for its disk
// with every write, and who else uses that is nothing to measure.
func inMemory() string {
	const folder = "/dev/shm"
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return "" // the usual one
	}
	return folder
}
