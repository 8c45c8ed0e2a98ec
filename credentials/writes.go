package credentials

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/credentials/pullsecret"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// act carries out the plan of a view.
func (k *Keeper) act(ctx context.Context, namespace string, v view) error {
	if !v.plan.Action.writes() {
		return nil
	}
	if a := v.plan.Action; a == Repair || a == Replace || a == Create && k.quarrels.has(namespace) {
		if wait := k.quarrels.wait(namespace, time.Now()); wait > 0 {
			return errPaused{wait}
		}
	}
	select {
	case k.writing <- struct{}{}:
		defer func() { <-k.writing }()
	case <-ctx.Done():
		return fmt.Errorf("wait to write secret %s: %w", k.SecretName, ctx.Err())
	}
	err := k.carryOut(ctx, namespace, v)
	if errors.Is(err, errMade) {
		return nil
	}
	k.Metrics.wrote(v.plan.Action, err)
	k.tellOf(namespace)(written(v.plan.Action, k.SecretName, err))
	return err
}

// errMade is that another replica was first to create. Its Secret serves as well
// as ours would; whether it is all that it should be is seen when it is looked at
// again, as after each write.
var errMade = errors.New("another replica has made the secret")

func (k *Keeper) carryOut(ctx context.Context, namespace string, v view) error {
	if v.plan.Action == Remove {
		return k.remove(ctx, namespace, v.observed)
	}
	c, err := k.content(ctx, namespace, v)
	if err != nil {
		return err
	}
	switch v.plan.Action {
	case Create:
		return k.write(ctx, namespace, c, v.observed)
	case Renew, Update, Repair:
		return k.write(ctx, namespace, c, v.observed, client.ForceOwnership)
	default: // Replace
		if err := k.remove(ctx, namespace, v.observed); err != nil {
			return err
		}
		return k.write(ctx, namespace, c, Observed{})
	}
}

// remove deletes the Secret that was observed, and no other.
func (k *Keeper) remove(ctx context.Context, namespace string, o Observed) error {
	old := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: k.SecretName}}
	err := k.Client.Delete(ctx, old, client.Preconditions{UID: &o.UID, ResourceVersion: &o.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete secret %s: %w", k.SecretName, err)
	}
	return nil
}

// content is what the Secret is to hold, of what it holds now and what is wanted.
func (k *Keeper) content(ctx context.Context, namespace string, v view) (content, error) {
	now := time.Now()
	var held map[registry.Host]pullsecret.Login
	if takesOver(v.want, v.observed, now) {
		var err error
		if held, err = k.held(ctx, namespace, v.observed); err != nil {
			return content{}, err
		}
	}
	return compose(v.want, v.observed, held, now)
}

// write applies the Secret over what was observed. Creation goes without force,
// so that the API server itself refuses to take over a Secret that is not ours.
func (k *Keeper) write(ctx context.Context, namespace string, c content, o Observed, opts ...client.ApplyOption) error {
	secret, err := c.apply(namespace, k.SecretName, o, k.DigestKey())
	if err != nil {
		return err
	}
	err = k.Client.Apply(ctx, secret, append(opts, client.FieldOwner(FieldManager))...)
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return errGone
	case !o.Exists && apierrors.IsConflict(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict):
		return errMade
	case err != nil:
		return fmt.Errorf("apply secret %s: %w", k.SecretName, err)
	}
	return nil
}

// held reads the logins that are in a Secret now.
func (k *Keeper) held(ctx context.Context, namespace string, o Observed) (map[registry.Host]pullsecret.Login, error) {
	var s corev1.Secret
	err := k.Live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: k.SecretName}, &s)
	if err != nil {
		return nil, fmt.Errorf("read logins to keep: %w", err)
	}
	if s.ResourceVersion != o.ResourceVersion {
		return nil, errors.New("secret changed while it was read") // tried again with what it is now
	}
	return pullsecret.Decode(s.Data[dataKey])
}
