package credentials

import (
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
)

// NamespaceCache strips namespaces for a cache, of which LabelsOf knows to read
// the labels. The zero value is ready.
type NamespaceCache struct {
	mu   sync.Mutex // guards seen
	seen map[string]string
}

// rememberedSets bounds the sets of labels that are shared. Beyond it the next
// ones are remembered instead.
const rememberedSets = 1024

// Strip leaves of a namespace's metadata what is read. Its labels become one
// string in a field that no namespace of an API server's has, GenerateName, and
// are without the one that says no more than the name. A map of two labels is
// 340 bytes (heap profile of 10,000 namespaces), and the string a fifth of it;
// namespaces with the same labels share it.
func (c *NamespaceCache) Strip(obj any) (any, error) {
	meta, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil
	}
	if strings.HasPrefix(meta.GenerateName, labelsMark) {
		return meta, nil // resyncs hand in what they were given
	}
	stripped := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{
		Name: meta.Name, UID: meta.UID, ResourceVersion: meta.ResourceVersion, DeletionTimestamp: meta.DeletionTimestamp,
		GenerateName: c.shared(packLabels(meta.Labels)),
	}}
	if value, has := meta.Annotations[delivery.Annotation]; has {
		stripped.Annotations = map[string]string{delivery.Annotation: value}
	}
	return stripped, nil
}

// shared is s, or an equal one that is there already.
func (c *NamespaceCache) shared(s string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.seen[s]; ok {
		return known
	}
	if c.seen == nil || len(c.seen) >= rememberedSets {
		c.seen = map[string]string{}
	}
	c.seen[s] = s
	return s
}

// labelsMark begins packed labels. No name begins so.
const labelsMark = "labels\n"

// packLabels writes labels, in order, but for that of the name. Neither keys nor
// values have room for what stands between them.
func packLabels(labels map[string]string) string {
	var s strings.Builder
	s.WriteString(labelsMark)
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if key != corev1.LabelMetadataName {
			s.WriteString(key + "=" + labels[key] + "\n")
		}
	}
	return strings.Clone(s.String()) // which has room for more
}

// LabelsOf are the labels of a namespace, as it is or as Strip leaves it.
func LabelsOf(meta *metav1.PartialObjectMetadata) map[string]string {
	return labelsIn(map[string]string{}, meta)
}

// labelsIn is LabelsOf for whoever has a map to read them into.
func labelsIn(all map[string]string, meta *metav1.PartialObjectMetadata) map[string]string {
	packed, ok := strings.CutPrefix(meta.GenerateName, labelsMark)
	if !ok {
		return meta.Labels
	}
	clear(all)
	all[corev1.LabelMetadataName] = meta.Name // as the API server has it
	for line := range strings.Lines(packed) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		all[key] = value
	}
	return all
}
