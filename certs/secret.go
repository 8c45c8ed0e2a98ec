package certs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/rand"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fieldManager is who writes, in the words of the API server.
const fieldManager = "tcr-webhook"

// secret is the Secret as it was read; without a version where there was none.
type secret struct {
	Namespace       string
	ResourceVersion string
	Data            map[string][]byte
}

func readSecret(ctx context.Context, from client.Reader, namespace string) (*secret, error) {
	var found corev1.Secret
	if err := from.Get(ctx, types.NamespacedName{Namespace: namespace, Name: SecretName}, &found); client.IgnoreNotFound(err) != nil {
		return nil, told("read", err)
	}
	return &secret{Namespace: namespace, ResourceVersion: found.ResourceVersion, Data: found.Data}, nil
}

// secretLabels are what every Secret of ours has. A CA that comes back from a backup
// is one that nobody trusts any more.
func secretLabels() map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":        "tcr-webhook",
		"app.kubernetes.io/managed-by":  "tcr-webhook",
		"velero.io/exclude-from-backup": "true",
	}
}

// write replaces the content, if the Secret is still what was read.
func (s *secret) write(ctx context.Context, c client.Client, content Content) error {
	data, err := content.Data()
	if err != nil {
		return err
	}
	if s.ResourceVersion == "" {
		return told("create", s.create(ctx, c, data))
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": s.ResourceVersion, "labels": secretLabels()},
		"data":     data,
	})
	if err != nil {
		return errors.New("encode secret " + SecretName) // without the cause, which may quote it
	}
	object := &corev1.Secret{}
	object.Namespace, object.Name = s.Namespace, SecretName
	return told("write", c.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(fieldManager)))
}

// create makes the Secret. Rights on one name allow that by server-side apply
// alone, which would take what another replica has just made for its own to
// change, if it were of the same field manager; of one of its own, it is a
// conflict.
func (s *secret) create(ctx context.Context, c client.Client, data map[string][]byte) error {
	object := corev1ac.Secret(SecretName, s.Namespace).WithLabels(secretLabels()).WithType(corev1.SecretTypeOpaque)
	for key, value := range data {
		if value != nil {
			object.WithData(map[string][]byte{key: value})
		}
	}
	return c.Apply(ctx, object, client.FieldOwner(SecretName+"-"+rand.String(8)))
}

// told is an error of a call about the Secret, without what it may quote of it.
func told(doing string, err error) error {
	status := apierrors.APIStatus(nil)
	switch {
	case err == nil:
		return nil
	case changedSince(err):
		return fmt.Errorf("%s secret %s: %w", doing, SecretName, errChanged)
	case errors.As(err, &status) && apierrors.IsInvalid(err):
		fields := []string{}
		if details := status.Status().Details; details != nil {
			for _, cause := range details.Causes {
				fields = append(fields, cause.Field)
			}
		}
		return fmt.Errorf("%s secret %s: it is refused as invalid in %v; an immutable one has to be deleted", doing, SecretName, fields)
	case errors.As(err, &status) && !quotesNothing(err):
		return fmt.Errorf("%s secret %s: the API server answers %s", doing, SecretName, cmp.Or(string(status.Status().Reason), "an error"))
	}
	return fmt.Errorf("%s secret %s: %w", doing, SecretName, err)
}

// quotesNothing tells errors of the API server that are about who asks, and not
// about what was sent.
func quotesNothing(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) ||
		apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || apierrors.IsTooManyRequests(err) || apierrors.IsServiceUnavailable(err)
}

// errChanged is what becomes of a write that another came before.
var errChanged = errors.New("it has changed since it was read")
