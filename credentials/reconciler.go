package credentials

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// reconcilers is how many namespaces are looked at at once. Renewals are paced
// apart from it; this bounds first writes and repairs.
const reconcilers = 8

// Reconciler keeps the pull Secrets that are there: it runs on the leader,
// renews and repairs them, and creates those that are wanted before a pod asks.
// Its requests are names of namespaces.
type Reconciler struct {
	Keeper *Keeper
	// Relook asks for another look at every namespace, after the registries
	// have changed.
	Relook <-chan struct{}
}

// SetupWithManager registers the reconciler.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return builder.ControllerManagedBy(mgr).
		Named("pull-secrets").
		For(&corev1.Namespace{}, builder.OnlyMetadata).
		Watches(&corev1.Secret{}, r.secretEvents()).
		WatchesRawSource(source.Func(r.watchRelook)).
		WithOptions(controller.Options{MaxConcurrentReconciles: reconcilers}).
		Complete(r)
}

// secretEvents turns events of a pull Secret into requests for its namespace.
func (r *Reconciler) secretEvents() handler.EventHandler {
	enqueue := func(q workqueue.TypedRateLimitingInterface[reconcile.Request], o client.Object) {
		q.Add(request(o.GetNamespace()))
	}
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { enqueue(q, e.Object) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { enqueue(q, e.ObjectNew) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			// Pods relied on it; what somebody deleted by hand comes back.
			if s, ok := e.Object.(*corev1.Secret); ok && Observe(s).Ours {
				r.Keeper.demand.add(s.Namespace)
			}
			enqueue(q, e.Object)
		},
	}
}

// watchRelook enqueues every namespace whenever Relook fires.
func (r *Reconciler) watchRelook(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-r.Relook:
				r.enqueueAll(ctx, q)
			}
		}
	}()
	return nil
}

func (r *Reconciler) enqueueAll(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	var all metav1.PartialObjectMetadataList
	all.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := r.Keeper.Client.List(ctx, &all); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Namespaces not listed; they are looked at as they come due")
		return
	}
	for i := range all.Items {
		q.Add(request(all.Items[i].Name))
	}
}

func request(namespace string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: namespace}}
}

// Reconcile looks at one namespace.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	select {
	case <-ctx.Done():
		return reconcile.Result{}, ctx.Err()
	case done := <-r.Keeper.converge(ctx, req.Name):
		r.Keeper.settle(req.Name, done)
		plan, _ := done.Val.(Plan)
		return next(plan, done.Err, time.Now())
	}
}

const (
	// lookAfterWrite sees to a namespace once more after a write. The write's
	// own event usually does; it does not when it came in while that write,
	// which another caller may have begun, was still being answered.
	lookAfterWrite = time.Second
	// waitLook is how often, at the least, a namespace without a token is
	// looked at; half of it is added by chance.
	waitLook = 5 * time.Second
)

// next is when to look again after a pass.
func next(plan Plan, err error, now time.Time) (reconcile.Result, error) {
	var slow errSlow
	switch {
	case errors.Is(err, errGone):
		return reconcile.Result{}, nil
	case errors.As(err, &slow):
		return reconcile.Result{RequeueAfter: slow.wait}, nil
	case apierrors.IsConflict(err):
		return reconcile.Result{RequeueAfter: lookAfterWrite}, nil // it changed; its event is on the way
	case err != nil:
		return reconcile.Result{}, err
	}
	switch plan.Action {
	case Create, Renew, Repair, Replace:
		return reconcile.Result{RequeueAfter: lookAfterWrite}, nil
	case Wait:
		return reconcile.Result{RequeueAfter: waitLook + rand.N(waitLook/2)}, nil
	}
	if plan.Again.IsZero() {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: max(plan.Again.Sub(now), time.Millisecond)}, nil
}
