package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
)

// elsewhere is the namespace of pods that need nothing of us, with images of
// another registry. All that an installation registers looks at them, and is to
// find that out without a call.
const elsewhere = "elsewhere"

// anotherHost is as long as the instance's, so that pods are of one size.
const anotherHost = "demo.registry.example.c"

// registerElsewhere registers for elsewhere what the chart does for all
// namespaces, conditions included, at the address of ours.
func (b *bed) registerElsewhere(ctx context.Context, at hook) error {
	objects, err := chart.Render(chart.InstallValues())
	if err != nil {
		return err
	}
	found := false
	for _, u := range objects {
		if !strings.HasSuffix(u.GetKind(), "WebhookConfiguration") {
			continue
		}
		found = true
		if err := confine(u, at); err != nil {
			return err
		}
		if err := b.client.Create(ctx, u); err != nil {
			return fmt.Errorf("register for namespace %s: %w", elsewhere, err)
		}
	}
	if !found {
		return errors.New("the chart registers nothing")
	}
	return nil
}

// confine has a rendered registration call one address, for one of the
// namespaces that it is for.
func confine(registration *unstructured.Unstructured, at hook) error {
	hooks, _, err := unstructured.NestedSlice(registration.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, h := range hooks {
		hook, ok := h.(map[string]any)
		if !ok {
			return fmt.Errorf("%s has a webhook that is none", registration.GetName())
		}
		hook["clientConfig"] = map[string]any{
			"url": "https://" + at.address + contender.Path, "caBundle": base64.StdEncoding.EncodeToString(at.ca),
		}
		selected, _, err := unstructured.NestedSlice(hook, "namespaceSelector", "matchExpressions")
		if err != nil {
			return err
		}
		selected = append(selected, map[string]any{"key": corev1.LabelMetadataName, "operator": "In", "values": []any{elsewhere}})
		if err := unstructured.SetNestedSlice(hook, selected, "namespaceSelector", "matchExpressions"); err != nil {
			return err
		}
	}
	return unstructured.SetNestedSlice(registration.Object, hooks, "webhooks")
}

// unneeded is what pods elsewhere cost the API server.
type unneeded struct {
	seconds float64 // of its conditions
	calls   float64 // of one of the chart's webhooks
}

// unneededSoFar asks the API server.
func (a *author) unneededSoFar(ctx context.Context) (unneeded, error) {
	m, err := a.scrape(ctx)
	if err != nil {
		return unneeded{}, err
	}
	return unneeded{
		m.sum("apiserver_admission_match_condition_evaluation_seconds_sum", `kind="webhook"`),
		m.sum("apiserver_admission_webhook_admission_duration_seconds_count", `.tcr-webhook.io"`),
	}, nil
}
