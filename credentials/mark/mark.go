// Package mark is how objects are told that are ours: by what we leave on each,
// and by nothing else. It is pure, and imported by whoever writes or removes such
// objects.
package mark

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FieldManager owns our fields in server-side apply.
const FieldManager = "tcr-webhook"

// The label that every Secret of ours has.
const (
	ManagedByLabel = "app.kubernetes.io/managed-by"
	ManagedBy      = "tcr-webhook"
)

// Ours tells whether a Secret with the pull Secrets' name, in a namespace that is
// not our own, is one that we made. It has our label, or we have applied to it:
// whoever takes the label off does not make it their own.
func Ours(secret metav1.Object) bool {
	return secret.GetLabels()[ManagedByLabel] == ManagedBy || slices.ContainsFunc(secret.GetManagedFields(), applied)
}

func applied(f metav1.ManagedFieldsEntry) bool {
	return f.Manager == FieldManager && f.Operation == metav1.ManagedFieldsOperationApply
}
