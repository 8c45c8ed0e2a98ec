package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// authors is how many create at once.
const authors = 16

// times calls do for each of n at the same time, as far as there are authors.
func times(ctx context.Context, n int, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(authors)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

// fill creates nodes and namespaces, and returns when the nodes are ready and
// each namespace has what controllers put into it.
func (b *bed) fill(ctx context.Context, o options) error {
	err := times(ctx, o.nodes, func(ctx context.Context, i int) error {
		_, err := b.client.CoreV1().Nodes().Create(ctx, newNode(i), metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("create nodes: %w", err)
	}
	err = times(ctx, o.namespaces, func(ctx context.Context, i int) error {
		_, err := b.client.CoreV1().Namespaces().Create(ctx, newNamespace(i), metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("create namespaces: %w", err)
	}
	for kind, name := range map[string]string{"serviceaccounts": "default", "configmaps": "kube-root-ca.crt"} {
		if err := b.awaitEach(ctx, kind, name, o.namespaces); err != nil {
			return err
		}
	}
	return b.awaitNodes(ctx, o.nodes)
}

func namespaceName(i int) string { return fmt.Sprintf("team-%d", i) }

func newNamespace(i int) *corev1.Namespace {
	name := namespaceName(i)
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"team": name, "pod-security.kubernetes.io/enforce": "baseline"},
	}}
}

// newNode is a machine of 16 CPUs in one of three zones.
func newNode(i int) *corev1.Node {
	name := fmt.Sprintf("node-%d", i)
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("16"), corev1.ResourceMemory: resource.MustParse("64Gi"), corev1.ResourcePods: resource.MustParse("110"),
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
			corev1.LabelTopologyRegion: "ap-guangzhou", corev1.LabelTopologyZone: fmt.Sprintf("ap-guangzhou-%d", 1+i%3),
		}},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room,
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("10.1.%d.%d", i/256, i%256)}},
		},
	}
}

// awaitEach returns when there are n objects of this name, one to a namespace.
func (b *bed) awaitEach(ctx context.Context, kind, name string, n int) error {
	objects := b.metadata.Resource(schema.GroupVersionResource{Version: "v1", Resource: kind})
	return until(ctx, 5*time.Second, fmt.Sprintf("%s %s in %d namespaces", kind, name, n), func(ctx context.Context) (bool, error) {
		list, err := objects.List(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String(), ResourceVersion: "0"})
		if err != nil {
			return false, err
		}
		return len(list.Items) >= n, nil
	})
}

func (b *bed) awaitNodes(ctx context.Context, n int) error {
	return until(ctx, time.Second, fmt.Sprintf("%d ready nodes", n), func(ctx context.Context) (bool, error) {
		list, err := b.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return false, err
		}
		ready := 0
		for i := range list.Items {
			if isReady(&list.Items[i]) {
				ready++
			}
		}
		return ready == n, nil
	})
}

// isReady tells whether pods may come: a taint keeps them away until somebody
// has seen that the node is ready.
func isReady(n *corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue && len(n.Spec.Taints) == 0
		}
	}
	return false
}

// until returns when done says so.
func until(ctx context.Context, every time.Duration, what string, done func(context.Context) (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		is, err := done(ctx)
		if err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		if is {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		case <-tick.C:
		}
	}
}
