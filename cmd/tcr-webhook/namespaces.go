package main

import (
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
)

// labelSets strips namespaces for the cache. Apart from the label of its own
// name, which each has, the labels of one namespace are those of many others,
// and all that are alike share one map. The zero value is ready.
type labelSets struct {
	mu   sync.Mutex // guards seen
	seen map[string]map[string]string
}

// rememberedSets bounds the sets that are shared. Beyond it the next ones are
// remembered instead.
const rememberedSets = 1024

// strip leaves of a namespace's metadata what is read. credentials.LabelsOf puts
// back the label that is left out.
func (l *labelSets) strip(obj any) (any, error) {
	meta, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil
	}
	stripped := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{
		Name: meta.Name, UID: meta.UID, ResourceVersion: meta.ResourceVersion, DeletionTimestamp: meta.DeletionTimestamp,
		Labels: l.shared(meta.Labels),
	}}
	if value, has := meta.Annotations[delivery.Annotation]; has {
		stripped.Annotations = map[string]string{delivery.Annotation: value}
	}
	return stripped, nil
}

// shared is labels without that of the name, as a map that must not be changed.
func (l *labelSets) shared(labels map[string]string) map[string]string {
	var set strings.Builder
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if key != corev1.LabelMetadataName {
			set.WriteString(key + "=" + labels[key] + "\n")
		}
	}
	if set.Len() == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.seen[set.String()]; ok {
		return known
	}
	if l.seen == nil || len(l.seen) >= rememberedSets {
		l.seen = map[string]map[string]string{}
	}
	kept := maps.Clone(labels)
	delete(kept, corev1.LabelMetadataName)
	l.seen[set.String()] = kept
	return kept
}
