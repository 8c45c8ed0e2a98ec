package credentials

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// reconcilers is how many namespaces are looked at at once, which is reading
// memory alone.
const reconcilers = 4

// Reconciler keeps the pull Secrets that are there: it runs on the leader,
// renews, repairs and removes them, and creates those that are wanted before a
// pod asks. It looks at namespaces as they come due or change, and writes in
// the order and at the pace of its wave. Its requests are names of namespaces.
// Use NewReconciler.
type Reconciler struct {
	keeper *Keeper
	relook <-chan struct{}
	begun  chan struct{} // capacity one: there are namespaces or Secrets that were there before us
	wave   *wave
	agenda *agenda
}

// betweenRelooks is the least time between two looks at all namespaces.
const betweenRelooks = time.Second

type queueOfRequests = workqueue.TypedRateLimitingInterface[reconcile.Request]

// NewReconciler returns a reconciler that looks at every namespace again when
// relook fires, after the registries or the tokens have changed.
func NewReconciler(keeper *Keeper, relook <-chan struct{}) *Reconciler {
	return &Reconciler{keeper: keeper, relook: relook, begun: make(chan struct{}, 1), wave: newWave(), agenda: newAgenda()}
}

// SetupWithManager registers the reconciler.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return builder.ControllerManagedBy(mgr).
		Named("pull-secrets").
		WatchesMetadata(&corev1.Namespace{}, r.namespaceEvents()).
		Watches(&corev1.Secret{}, r.secretEvents()).
		WatchesRawSource(source.Func(r.start)).
		WithOptions(controller.Options{MaxConcurrentReconciles: reconcilers}).
		Complete(r)
}

// namespaceEvents turns events of a namespace into requests for it. Those of what
// was there before, which are all namespaces whenever another replica leads, are
// one look at all: the queue never gives back what 10,000 requests made of it.
func (r *Reconciler) namespaceEvents() handler.EventHandler {
	enqueue := func(q queueOfRequests, o client.Object) { q.Add(request(o.GetName())) }
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queueOfRequests) {
			if e.IsInInitialList {
				signal(r.begun)
				return
			}
			enqueue(q, e.Object)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queueOfRequests) { enqueue(q, e.ObjectNew) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queueOfRequests) { enqueue(q, e.Object) },
	}
}

// secretEvents turns events of a pull Secret into requests for its namespace.
func (r *Reconciler) secretEvents() handler.EventHandler {
	enqueue := func(q queueOfRequests, o client.Object) { q.Add(request(o.GetNamespace())) }
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queueOfRequests) {
			if e.IsInInitialList {
				signal(r.begun)
				return
			}
			if s, ok := e.Object.(*corev1.Secret); ok {
				r.keeper.tellOfNew(s)
			}
			enqueue(q, e.Object)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queueOfRequests) { enqueue(q, e.ObjectNew) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queueOfRequests) {
			if s, ok := e.Object.(*corev1.Secret); ok && Observe(s, r.keeper.DigestKey()).Ours {
				r.keeper.lost(ctx, s.Namespace)
			}
			enqueue(q, e.Object)
		},
	}
}

// start feeds the queue of the controller, and serves the wave, until ctx ends.
func (r *Reconciler) start(ctx context.Context, q queueOfRequests) error {
	go r.wave.run(ctx, func(namespace string) { r.write(ctx, q, namespace) })
	go r.agenda.run(ctx, func(namespace string) { q.Add(request(namespace)) })
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-r.relook:
			case <-r.begun:
			}
			r.lookAtAll(ctx, q)
			select { // news often come in twos and threes
			case <-ctx.Done():
			case <-time.After(betweenRelooks):
			}
		}
	}()
	return nil
}

// lookAtAll looks at every namespace, at once and not by way of the queue: a look
// is some microseconds, and 10,000 requests are megabytes.
func (r *Reconciler) lookAtAll(ctx context.Context, q queueOfRequests) {
	for meta := range r.keeper.Namespaces() {
		req := request(meta.Name)
		if _, err := r.Reconcile(ctx, req); err != nil {
			q.AddRateLimited(req)
		}
	}
}

func request(namespace string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: namespace}}
}

// Reconcile looks at one namespace, and lines it up for a write if it needs one.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	v, err := r.keeper.look(ctx, req.Name)
	if err == nil && v.plan.Action.writes() {
		r.agenda.set(req.Name, time.Time{}) // the write says when it is time again
		r.wave.add(req.Name, v.plan.Deadline)
		return reconcile.Result{}, nil
	}
	again, err := next(v.plan, err, time.Now())
	r.agenda.set(req.Name, again)
	return reconcile.Result{}, err
}

// write brings one namespace to what it should be, and sees to it that it is
// looked at again when it is time.
func (r *Reconciler) write(ctx context.Context, q queueOfRequests, namespace string) {
	var plan Plan
	var err error
	select {
	case <-ctx.Done():
		return
	case done := <-r.keeper.converge(ctx, namespace):
		r.keeper.settle(namespace, done)
		plan, _ = done.Val.(Plan)
		err = done.Err
	}
	again, err := next(plan, err, time.Now())
	switch {
	case err != nil:
		ctrl.LoggerFrom(ctx).Error(err, "Pull secret not written; it is tried again", "namespace", namespace)
		q.AddRateLimited(request(namespace))
	default:
		q.Forget(request(namespace))
		r.agenda.set(namespace, again)
	}
}

const (
	// lookAfterWrite sees to a namespace once more after a write. The write's
	// own event usually does; it does not when it came in while that write,
	// which another caller may have begun, was still being answered.
	lookAfterWrite = time.Second
	// waitLook is how often, at the least, a namespace without a token is
	// looked at; half of it is added by chance. News of a token comes by
	// relook, so this is for news that was lost.
	waitLook = time.Minute
)

// next is when to look again; zero for when something changes.
func next(plan Plan, err error, now time.Time) (time.Time, error) {
	var paused errPaused
	switch {
	case errors.Is(err, errGone):
		return time.Time{}, nil
	case errors.As(err, &paused):
		return now.Add(paused.wait), nil
	case apierrors.IsConflict(err):
		return now.Add(lookAfterWrite), nil // it changed; its event is on the way
	case err != nil:
		return time.Time{}, err
	case plan.Action.writes():
		return now.Add(lookAfterWrite), nil
	case plan.Action == Wait:
		return now.Add(waitLook + rand.N(waitLook/2)), nil
	}
	return plan.Again, nil
}
