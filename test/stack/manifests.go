package stack

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

// root is the checkout that this file was built from.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// render renders the chart as deploy/install.yaml has it, but for what the
// options of the stack say, and for values.
func (s *Stack) render(values chart.Values) ([]*unstructured.Unstructured, error) {
	all := chart.InstallValues()
	all["certs"] = chart.Values{"mode": "provided"} // by startServers
	maps.Copy(all, s.values)
	maps.Copy(all, values)
	return chart.Render(all)
}

func (s *Stack) apply(ctx context.Context, u *unstructured.Unstructured) error {
	err := s.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("administrator"), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", u.GetKind(), u.GetName(), err)
	}
	return nil
}

// applyInstall applies all of the chart but the registrations. Nothing runs its
// Deployment here: the processes that startServers starts have its
// ServiceAccount's rights instead.
func (s *Stack) applyInstall(ctx context.Context) error {
	objects, err := s.render(nil)
	if err != nil {
		return err
	}
	for _, u := range objects {
		if registers(u) {
			continue
		}
		if err := s.apply(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

func registers(u *unstructured.Unstructured) bool {
	return strings.HasSuffix(u.GetKind(), "WebhookConfiguration")
}

// Register applies the registrations as the chart has them for values, but for
// the way to the server: there is no Service on loopback.
func (s *Stack) Register(ctx context.Context, values chart.Values) error {
	objects, err := s.render(values)
	if err != nil {
		return err
	}
	for _, u := range objects {
		if !registers(u) {
			continue
		}
		if err := s.redirect(u); err != nil {
			return err
		}
		if err := s.apply(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// redirect has every webhook of a configuration call the server.
func (s *Stack) redirect(u *unstructured.Unstructured) error {
	hooks, _, err := unstructured.NestedSlice(u.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, h := range hooks {
		hook, _ := h.(map[string]any)
		path, _, err := unstructured.NestedString(hook, "clientConfig", "service", "path")
		if err != nil {
			return err
		}
		hook["clientConfig"] = map[string]any{
			"url":      "https://" + s.address + path,
			"caBundle": base64.StdEncoding.EncodeToString(s.ca.PEM()),
		}
	}
	return unstructured.SetNestedSlice(u.Object, hooks, "webhooks")
}
