package stack

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

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
	all["certs"] = chart.Values{"mode": s.certs, "certManager": chart.Values{"assumeInstalled": true}}
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
		if u.GetKind() == "Service" {
			if err := onLoopback(u); err != nil {
				return err
			}
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
// the port of the Service, and returns when they have a caBundle by which
// the replicas serve.
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
	for _, u := range objects {
		if !registers(u) {
			continue
		}
		if err := s.awaitBundle(ctx, u); err != nil {
			return err
		}
	}
	return s.awaitReady(ctx)
}

// onLoopback has the API server find a Service on this machine: it asks nobody
// for the address of one that is outside the cluster.
func onLoopback(u *unstructured.Unstructured) error {
	return unstructured.SetNestedMap(u.Object, map[string]any{"type": "ExternalName", "externalName": "127.0.0.1"}, "spec")
}

// redirect has every webhook of a configuration call the Service where it is on
// this machine. The caBundle is whoever's who makes the certificate.
func (s *Stack) redirect(u *unstructured.Unstructured) error {
	_, text, err := net.SplitHostPort(s.address)
	if err != nil {
		return err
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return err
	}
	hooks, _, err := unstructured.NestedSlice(u.Object, "webhooks")
	if err != nil {
		return err
	}
	for _, h := range hooks {
		hook, _ := h.(map[string]any)
		if err := unstructured.SetNestedField(hook, port, "clientConfig", "service", "port"); err != nil {
			return err
		}
		if s.ca == nil {
			continue
		}
		if err := unstructured.SetNestedField(hook, base64.StdEncoding.EncodeToString(s.ca.PEM()), "clientConfig", "caBundle"); err != nil {
			return err
		}
	}
	return unstructured.SetNestedSlice(u.Object, hooks, "webhooks")
}

// bundleTimeout is many times what tcr-webhook takes to write a caBundle.
const bundleTimeout = 20 * time.Second

// awaitBundle returns when every webhook of a configuration has a caBundle.
func (s *Stack) awaitBundle(ctx context.Context, u *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, bundleTimeout)
	defer cancel()
	found := &unstructured.Unstructured{}
	found.SetGroupVersionKind(u.GroupVersionKind())
	for {
		if err := s.Client.Get(ctx, client.ObjectKeyFromObject(u), found); err != nil {
			return fmt.Errorf("wait for the caBundle of %s: %w", u.GetName(), err)
		}
		hooks, _, err := unstructured.NestedSlice(found.Object, "webhooks")
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(hooks, lacksBundle) {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func lacksBundle(hook any) bool {
	h, _ := hook.(map[string]any)
	bundle, _, err := unstructured.NestedString(h, "clientConfig", "caBundle")
	return err != nil || bundle == ""
}
