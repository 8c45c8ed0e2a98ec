package main

import (
	"context"
	"fmt"
	"iter"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// namespaceMetadata is what the metadata of a namespace is read into.
func namespaceMetadata() *metav1.PartialObjectMetadata {
	var meta metav1.PartialObjectMetadata
	meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return &meta
}

// cachedNamespaces returns what goes through the namespaces that are cached, which
// must not be changed. Nothing is copied: a list by way of the client is 3 MB for
// 10,000 of them, again and again.
func cachedNamespaces(ctx context.Context, informers cache.Informers) (func() iter.Seq[*metav1.PartialObjectMetadata], error) {
	informer, err := informers.GetInformer(ctx, namespaceMetadata(), cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("fill cache of namespaces: %w", err)
	}
	shared, ok := informer.(toolscache.SharedInformer)
	if !ok {
		return nil, fmt.Errorf("the cache of namespaces is a %T, whose content is not to be had", informer)
	}
	return func() iter.Seq[*metav1.PartialObjectMetadata] {
		return func(yield func(*metav1.PartialObjectMetadata) bool) {
			for _, o := range shared.GetStore().List() {
				if meta, ok := o.(*metav1.PartialObjectMetadata); ok && !yield(meta) {
					return
				}
			}
		}
	}, nil
}
