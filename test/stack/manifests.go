package stack

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// root is the checkout that this file was built from.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// manifests reads the objects of a file in deploy, and those in its lists.
func manifests(name string) ([]*unstructured.Unstructured, error) {
	data, err := os.ReadFile(filepath.Join(root(), "deploy", name))
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		var u unstructured.Unstructured
		switch err := decoder.Decode(&u); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, fmt.Errorf("read manifest %s: %w", name, err)
		}
		if !u.IsList() {
			objects = append(objects, &u)
			continue
		}
		if err := u.EachListItem(func(o kruntime.Object) error {
			item, _ := o.(*unstructured.Unstructured)
			objects = append(objects, item)
			return nil
		}); err != nil {
			return nil, fmt.Errorf("read manifest %s: %w", name, err)
		}
	}
}

func (s *Stack) apply(ctx context.Context, u *unstructured.Unstructured) error {
	err := s.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("administrator"), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", u.GetKind(), u.GetName(), err)
	}
	return nil
}

// applyInstall applies the installation. Nothing runs its Deployment here: the
// processes that startServers starts have its ServiceAccount's rights instead.
func (s *Stack) applyInstall(ctx context.Context) error {
	objects, err := manifests("install.yaml")
	if err != nil {
		return err
	}
	for _, u := range objects {
		if err := s.apply(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// Register applies a file of registrations in deploy as it is, but for the way
// to the server: there is no Service on loopback.
func (s *Stack) Register(ctx context.Context, name string) error {
	objects, err := manifests(name)
	if err != nil {
		return err
	}
	for _, u := range objects {
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
