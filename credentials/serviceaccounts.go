package credentials

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
	"github.com/tcr-webhook/tcr-webhook/credentials/mark"
)

// ServiceAccountAnnotation on a ServiceAccount, with the value "true", asks for
// the pull Secret's name among its imagePullSecrets: for tools that read those to
// look at images themselves, before there is a pod.
const ServiceAccountAnnotation = "tcr-webhook.io/add-pull-secret"

// Accounts are the annotations of ServiceAccounts, from memory.
type Accounts interface {
	// Annotated lists those that may concern us; of one namespace, or all for "".
	Annotated(namespace string) []types.NamespacedName
	Annotations(namespace, name string) (annotations map[string]string, found bool)
}

// ServiceAccounts adds the name of the pull Secret to the ServiceAccounts that
// ask for it, and takes it away again when they no longer do. It runs on the
// leader. Its requests are names of ServiceAccounts.
type ServiceAccounts struct {
	Keeper   *Keeper
	Accounts Accounts
	// Enabled tells whether the configuration allows it. While it does not,
	// names that were added are taken away.
	Enabled func() bool
	// Relook asks for another look at all, after the configuration has changed.
	Relook <-chan struct{}

	queue atomic.Pointer[queueOfRequests] // while it runs
}

// SetupWithManager registers the controller.
func (a *ServiceAccounts) SetupWithManager(mgr ctrl.Manager) error {
	return builder.ControllerManagedBy(mgr).
		Named("service-accounts").
		WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
			return a.in(o.GetName())
		})).
		WatchesRawSource(source.Func(a.start)).
		WithOptions(controller.Options{MaxConcurrentReconciles: 1}).
		Complete(a)
}

// Changed has a ServiceAccount looked at.
func (a *ServiceAccounts) Changed(name types.NamespacedName) {
	if q := a.queue.Load(); q != nil {
		(*q).Add(reconcile.Request{NamespacedName: name})
	}
}

// in lists the requests for a namespace, or for all for "".
func (a *ServiceAccounts) in(namespace string) []reconcile.Request {
	names := a.Accounts.Annotated(namespace)
	requests := make([]reconcile.Request, 0, len(names))
	for _, name := range names {
		requests = append(requests, reconcile.Request{NamespacedName: name})
	}
	return requests
}

// start feeds the queue of the controller until ctx ends.
func (a *ServiceAccounts) start(ctx context.Context, q queueOfRequests) error {
	a.queue.Store(&q)
	all := func() {
		for _, r := range a.in("") {
			q.Add(r)
		}
	}
	all()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-a.Relook:
				all()
			}
		}
	}()
	return nil
}

// Reconcile looks at one ServiceAccount.
func (a *ServiceAccounts) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	annotations, _ := a.Accounts.Annotations(req.Namespace, req.Name)
	if annotations[mark.AddedAnnotation] == "" && (annotations[ServiceAccountAnnotation] == "" || !a.Enabled()) {
		return reconcile.Result{}, nil
	}
	var account corev1.ServiceAccount
	err := a.Keeper.Live.Get(ctx, req.NamespacedName, &account) // memory has no imagePullSecrets
	if err != nil {
		return a.outcome(ctx, req, client.IgnoreNotFound(err))
	}
	wanted := account.Annotations[ServiceAccountAnnotation] == "true" && a.Enabled() && a.served(ctx, req.Namespace)
	if wanted {
		a.Keeper.demand.add(req.Namespace, time.Now()) // the tool looks for the Secret before there is a pod
		a.Keeper.TokensChanged()
	}
	name := ""
	if wanted {
		name = a.Keeper.SecretName
	}
	patch, err := mark.AccountPatch(&account, name)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("write patch: %w", err)
	}
	if patch == nil {
		return reconcile.Result{}, nil
	}
	return a.outcome(ctx, req, a.Keeper.Client.Patch(ctx, &account, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(FieldManager)))
}

// outcome is the result for err. A right that is missing is not asked for again
// until something changes.
func (a *ServiceAccounts) outcome(ctx context.Context, req reconcile.Request, err error) (reconcile.Result, error) {
	switch {
	case client.IgnoreNotFound(err) == nil:
		return reconcile.Result{}, nil
	case apierrors.IsForbidden(err):
		ctrl.LoggerFrom(ctx).Error(err, "ServiceAccount left as it is: bind the ClusterRole tcr-webhook-service-accounts", "namespace", req.Namespace, "name", req.Name)
		return reconcile.Result{}, nil
	default:
		return reconcile.Result{}, fmt.Errorf("pull secret of service account %s: %w", req, err)
	}
}

// served tells whether namespace gets a pull Secret at all.
func (a *ServiceAccounts) served(ctx context.Context, namespace string) bool {
	directory := a.Keeper.Directory()
	ns, err := readNamespace(ctx, a.Keeper.Client, namespace)
	return directory != nil && err == nil && namespace != a.Keeper.OwnNamespace && len(delivery.Entries(directory, ns.Namespace)) > 0
}
