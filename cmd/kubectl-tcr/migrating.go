package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/addon"
	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
)

// act does what the steps have for us. What it did before an error stays done,
// and the next run goes on from there.
func (m *migration) act(ctx context.Context, steps []addon.Step, deleteSecrets bool) error {
	for _, s := range steps {
		for _, ns := range slices.Sorted(maps.Keys(s.Action.Deliver)) {
			if err := m.deliver(ctx, ns, s.Action.Deliver[ns]); err != nil {
				return err
			}
		}
		for _, a := range s.Action.Forget {
			if err := m.forget(ctx, a); err != nil {
				return err
			}
		}
		if !deleteSecrets {
			continue
		}
		for _, o := range s.Action.Delete {
			if err := m.deleteSecret(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliver has a namespace's login delivered, by the annotation that its owner
// could set. What somebody has set there stays.
func (m *migration) deliver(ctx context.Context, namespace, instances string) error {
	ns, err := m.client.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read Namespace %s: %w", namespace, err)
	}
	if set := ns.Annotations[delivery.Annotation]; set != "" {
		m.say("%s namespace %s has asked for %s already", m.symbols.fine, namespace, set)
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{delivery.Annotation: instances}, "resourceVersion": ns.ResourceVersion,
	}})
	if err != nil {
		return err
	}
	if _, err := m.client.CoreV1().Namespaces().Patch(ctx, namespace, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("annotate Namespace %s: %w", namespace, err)
	}
	m.say("%s namespace %s gets the login of %s", m.symbols.fine, namespace, instances)
	return nil
}

// forget takes names out of a ServiceAccount and leaves the others there.
func (m *migration) forget(ctx context.Context, a addon.Reference) error {
	accounts := m.client.CoreV1().ServiceAccounts(a.Namespace)
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		live, err := accounts.Get(ctx, a.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		// The list is atomic to the API server: it is replaced as it was read.
		rest := slices.DeleteFunc(live.ImagePullSecrets, func(s corev1.LocalObjectReference) bool { return len(addon.NamesOf([]string{s.Name})) > 0 })
		patch, err := json.Marshal(map[string]any{"imagePullSecrets": rest, "metadata": map[string]string{"resourceVersion": live.ResourceVersion}})
		if err != nil {
			return err
		}
		_, err = accounts.Patch(ctx, a.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("patch ServiceAccount %s/%s: %w", a.Namespace, a.Name, err)
	}
	m.say("%s ServiceAccount %s/%s names it no more", m.symbols.fine, a.Namespace, a.Name)
	return nil
}

// deleteSecret deletes the very Secret that was found.
func (m *migration) deleteSecret(ctx context.Context, o addon.Object) error {
	uid := types.UID(o.UID)
	err := m.names.Resource(corev1.SchemeGroupVersion.WithResource("secrets")).Namespace(o.Namespace).
		Delete(ctx, o.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete Secret %s/%s: %w", o.Namespace, o.Name, err)
	}
	m.say("%s Secret %s/%s deleted", m.symbols.fine, o.Namespace, o.Name)
	return nil
}
