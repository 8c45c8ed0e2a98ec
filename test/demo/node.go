package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// The objects of the chart that nodes have to do with.
const (
	configMap  = "tcr-webhook-config"
	configKey  = "config.yaml"
	deployment = "tcr-webhook"
)

// reportReplicas says of the Deployment what nodes and controllers would: that
// the processes are its pods, and are ready. Their addresses are of a network for
// documentation, since no EndpointSlice takes those of loopback.
func (d *demo) reportReplicas(ctx context.Context) error {
	var found appsv1.Deployment
	if err := d.stack.Client.Get(ctx, client.ObjectKey{Namespace: stack.Namespace, Name: deployment}, &found); err != nil {
		return err
	}
	n := int32(len(d.stack.Servers)) //nolint:gosec // two
	found.Status = appsv1.DeploymentStatus{ObservedGeneration: found.Generation, Replicas: n, ReadyReplicas: n, AvailableReplicas: n, UpdatedReplicas: n}
	if err := d.stack.Client.Status().Update(ctx, &found); err != nil {
		return fmt.Errorf("report the replicas: %w", err)
	}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: stack.Namespace, Name: deployment, Labels: map[string]string{discoveryv1.LabelServiceName: deployment}},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	for i := range d.stack.Servers {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("192.0.2.%d", i+1)}})
	}
	return d.stack.Client.Create(ctx, slice)
}

// mount keeps the file that tcr-webhook reads as the ConfigMap of the chart is,
// as a kubelet does with a volume, until ctx ends.
func (d *demo) mount(ctx context.Context) error {
	mounted := ""
	for ctx.Err() == nil {
		w, err := d.stack.Client.Watch(ctx, &corev1.ConfigMapList{}, client.InNamespace(stack.Namespace), client.MatchingFields{"metadata.name": configMap})
		if err != nil {
			d.say("watching the ConfigMap %s: %s", configMap, err)
			wait(ctx, time.Second)
			continue
		}
		for event := range w.ResultChan() {
			found, ok := event.Object.(*corev1.ConfigMap)
			if !ok || found.Data[configKey] == mounted || found.Data[configKey] == "" {
				continue
			}
			mounted = found.Data[configKey]
			if err := d.stack.WriteConfig(mounted); err != nil {
				return err
			}
		}
	}
	return nil
}

func wait(ctx context.Context, long time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(long):
	}
}
