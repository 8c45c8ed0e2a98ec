package main

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/credentials/mark"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// accounts knows the annotations of ServiceAccounts that matter. Every namespace
// has at least one ServiceAccount, and hardly any has one of the annotations, so
// it watches all and remembers those few, where an informer would keep them all.
// It implements toolscache.ReflectorStore. Use newAccounts.
type accounts struct {
	watch   toolscache.ListerWatcher
	changed func(types.NamespacedName)
	synced  chan struct{} // closed when all have been seen once
	once    sync.Once

	mu    sync.RWMutex // guards known
	known map[types.NamespacedName]map[string]string
}

// newAccounts returns accounts that know nothing until Start. changed is called
// whenever one that matters, or did, has changed.
func newAccounts(c *rest.Config, changed func(types.NamespacedName)) (*accounts, error) {
	client, err := metadata.NewForConfig(c)
	if err != nil {
		return nil, fmt.Errorf("create client of ServiceAccounts: %w", err)
	}
	all := client.Resource(corev1.SchemeGroupVersion.WithResource("serviceaccounts"))
	return &accounts{
		watch: &toolscache.ListWatch{
			ListWithContextFunc:  func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return all.List(ctx, o) },
			WatchFuncWithContext: all.Watch,
		},
		changed: changed, synced: make(chan struct{}), known: map[types.NamespacedName]map[string]string{},
	}, nil
}

// Start watches until ctx ends.
func (a *accounts) Start(ctx context.Context) error {
	toolscache.NewReflectorWithOptions(a.watch, &metav1.PartialObjectMetadata{}, a, toolscache.ReflectorOptions{
		Name: "serviceaccounts", TypeDescription: "ServiceAccount",
	}).RunWithContext(ctx)
	return nil
}

// NeedLeaderElection is false: each replica admits pods.
func (a *accounts) NeedLeaderElection() bool { return false }

// Annotations are those that matter of a ServiceAccount, if it has any.
func (a *accounts) Annotations(namespace, name string) (map[string]string, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	kept, ok := a.known[types.NamespacedName{Namespace: namespace, Name: name}]
	return kept, ok
}

// Annotated lists the ServiceAccounts that have annotations that matter; those
// of one namespace, or of all for "".
func (a *accounts) Annotated(namespace string) []types.NamespacedName {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var names []types.NamespacedName
	for name := range a.known {
		if namespace == "" || name.Namespace == namespace {
			names = append(names, name)
		}
	}
	return names
}

// kept is what matters of a ServiceAccount's annotations; nil if nothing does.
func kept(all map[string]string) map[string]string {
	var some map[string]string
	for _, key := range []string{webhook.EnforceMountableSecretsAnnotation, credentials.ServiceAccountAnnotation, mark.AddedAnnotation} {
		if value, has := all[key]; has {
			if some == nil {
				some = map[string]string{}
			}
			some[key] = value
		}
	}
	return some
}

// Add implements toolscache.ReflectorStore.
func (a *accounts) Add(obj any) error { return a.put(obj, false) }

// Update implements toolscache.ReflectorStore.
func (a *accounts) Update(obj any) error { return a.put(obj, false) }

// Delete implements toolscache.ReflectorStore.
func (a *accounts) Delete(obj any) error { return a.put(obj, true) }

func (a *accounts) put(obj any, gone bool) error {
	name, some, err := read(obj)
	if err != nil {
		return err
	}
	a.mu.Lock()
	_, was := a.known[name]
	if some == nil || gone {
		delete(a.known, name)
	} else {
		a.known[name] = some
	}
	a.mu.Unlock()
	if was || some != nil {
		a.changed(name)
	}
	return nil
}

// read is the name and what matters of a ServiceAccount.
func read(obj any) (types.NamespacedName, map[string]string, error) {
	meta, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return types.NamespacedName{}, nil, fmt.Errorf("a %T is no metadata of a ServiceAccount", obj)
	}
	return types.NamespacedName{Namespace: meta.Namespace, Name: meta.Name}, kept(meta.Annotations), nil
}

// Replace implements toolscache.ReflectorStore.
func (a *accounts) Replace(list []any, _ string) error {
	fresh := map[types.NamespacedName]map[string]string{}
	for _, obj := range list {
		name, some, err := read(obj)
		if err != nil {
			return err
		}
		if some != nil {
			fresh[name] = some
		}
	}
	a.mu.Lock()
	before := a.known
	a.known = fresh
	a.mu.Unlock()
	for _, all := range []map[types.NamespacedName]map[string]string{before, fresh} {
		for name := range all {
			a.changed(name)
		}
	}
	a.once.Do(func() { close(a.synced) })
	return nil
}

// Resync implements toolscache.ReflectorStore.
func (a *accounts) Resync() error { return nil }

// Transformer implements toolscache.TransformingStore: what is streamed to us
// at first is held until all of it is there. One object stands for all that do
// not matter, since 20,000 of their own would be the most memory that a replica
// ever needs.
func (a *accounts) Transformer() toolscache.TransformFunc {
	nobody := &metav1.PartialObjectMetadata{}
	return func(obj any) (any, error) {
		meta, ok := obj.(*metav1.PartialObjectMetadata)
		if !ok {
			return obj, nil
		}
		some := kept(meta.Annotations)
		if some == nil {
			return nobody, nil
		}
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Namespace: meta.Namespace, Name: meta.Name, ResourceVersion: meta.ResourceVersion, Annotations: some,
		}}, nil
	}
}
