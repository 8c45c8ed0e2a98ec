package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
)

// bed is a real API server with some namespaces.
type bed struct {
	cluster *cluster.Cluster
	client  client.Client
	dir     string
}

// startBed starts it; stop must be called.
func startBed(ctx context.Context, out io.Writer, namespaces ...string) (*bed, error) {
	dir, err := os.MkdirTemp(inMemory(), "tcr-webhook-bench-")
	if err != nil {
		return nil, err
	}
	b := &bed{dir: dir}
	if b.cluster, err = cluster.Start(ctx, cluster.Options{Dir: dir, Progress: out}); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := b.fill(ctx, namespaces); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	return b, nil
}

// inMemory is a folder in memory, where there is one: etcd waits for its disk
// with every pod, and who else writes to that is nothing to measure.
func inMemory() string {
	const folder = "/dev/shm"
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return "" // the usual one
	}
	return folder
}

func (b *bed) fill(ctx context.Context, namespaces []string) error {
	var err error
	if b.client, err = client.New(b.cluster.Config(), client.Options{}); err != nil {
		return err
	}
	for _, name := range namespaces {
		if err := b.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return fmt.Errorf("create namespace %s: %w", name, err)
		}
	}
	return nil
}

func (b *bed) stop() error { return errors.Join(b.cluster.Stop(), os.RemoveAll(b.dir)) }

// hook is where a webhook is served.
type hook struct {
	address string
	ca      []byte // PEM
}

// register has the pods of each namespace sent to its webhook. All come into
// force at once, a moment later.
func (b *bed) register(ctx context.Context, hooks map[string]hook) error {
	config := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "bench"}}
	for namespace, h := range hooks {
		config.Webhooks = append(config.Webhooks, admissionregistrationv1.MutatingWebhook{
			Name: namespace + ".bench.example",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL: new("https://" + h.address + contender.Path), CABundle: h.ca,
			},
			Rules:                   []admissionregistrationv1.RuleWithOperations{createPods()},
			NamespaceSelector:       only(namespace),
			AdmissionReviewVersions: []string{"v1"},
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			FailurePolicy:           new(admissionregistrationv1.Fail),
			TimeoutSeconds:          new(int32(3)),
		})
	}
	return b.client.Create(ctx, config)
}

// eventually tries until it is true, for as long as a registration may
// reasonably take to come into force.
func eventually(ctx context.Context, try func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := try(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}
