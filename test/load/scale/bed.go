package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
	"github.com/tcr-webhook/tcr-webhook/test/stack/ledger"
)

const replicas = 3

// head is the configuration, in which hosts are given: one more of them is
// reason to change every Secret.
const head = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, vpc: vpc-abc123, identity: SecretKey, endpoint: ENDPOINT}
privateNetwork: {observeEvery: 5s}
firstPodGrace: 2s
registries:
- instance: ` + stack.InstanceID + `
  route: Private
  hosts: {public: ` + stack.PublicHost + `, private: ` + stack.PrivateHost

// secondID is an instance that no namespace is given. The cloud is asked for
// its token and its route all the time, so that there is something to hang.
const secondID = "tcr-second01"

const (
	twoHosts   = head + "}\n"
	threeHosts = head + ", custom: [registry.example.com]}\n"
	second     = "- {instance: " + secondID + ", route: Auto, namespaces: [nobody]}\n"
)

// bed is the running system.
type bed struct {
	*stack.Stack
	ledger *ledger.Ledger
	group  *errgroup.Group // of what runs beside
	end    context.CancelFunc
	dir    string
}

func startBed(ctx context.Context, o options, out io.Writer) (_ *bed, err error) {
	b := &bed{}
	if b.dir, err = os.MkdirTemp(inMemory(), "tcr-webhook-scale-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(b.dir))
		}
	}()
	b.Stack, err = stack.Start(ctx, stack.Options{
		Dir: b.dir, Binary: o.binary, Replicas: replicas, Config: twoHosts, Progress: out,
		Prepare: func(c *tencent.Cloud) {
			c.SetTokenLifetime(shortLife)
			c.AddInstance(tencent.Instance{ID: secondID, Name: "second"})
		},
	})
	if err != nil {
		return nil, err
	}
	b.ledger = ledger.New(b.Client, "tcr-pull", nil)
	ctx, b.end = context.WithCancel(ctx)
	b.group, ctx = errgroup.WithContext(ctx)
	b.group.Go(func() error { return b.ledger.Start(ctx) })
	<-b.ledger.Open()
	return b, nil
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

func (b *bed) stop() error {
	b.end()
	return errors.Join(b.group.Wait(), b.Stop(), os.RemoveAll(b.dir))
}

// authors is how many create at once.
const authors = 16

// fill creates namespaces as a cluster has them, with a first pod each.
func (b *bed) fill(ctx context.Context, namespaces int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(authors)
	for i := range namespaces {
		group.Go(func() error { return b.namespace(ctx, fmt.Sprintf("team-%d", i)) })
	}
	return group.Wait()
}

func (b *bed) namespace(ctx context.Context, name string) error {
	labels := map[string]string{"team": name, "pod-security.kubernetes.io/enforce": "baseline"}
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "default"}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "app", Labels: labels}},
		&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "hello"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: stack.PublicHost + "/team/hello:1"}}},
		},
	}
	for _, o := range objects {
		if err := b.Client.Create(ctx, o); err != nil {
			return fmt.Errorf("fill namespace %s: %w", name, err)
		}
	}
	return nil
}

// secrets is how many namespaces have their Secret, and how many of those
// Secrets have so many hosts.
func (b *bed) secrets(hosts int) (all, with int) {
	for _, versions := range b.ledger.History() {
		last := versions[len(versions)-1]
		if last.Op == ledger.Deleted {
			continue
		}
		all++
		if len(last.Hosts) == hosts {
			with++
		}
	}
	return all, with
}
