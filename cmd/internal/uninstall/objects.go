package uninstall

import (
	"context"
	"errors"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
)

// Object is one object by name.
type Object struct {
	Resource  schema.GroupVersionResource
	Namespace string // empty for what has none
	Name      string
	uid       types.UID
}

// String is the object as kubectl names it.
func (o Object) String() string {
	text := o.Resource.Resource + "/" + o.Name
	if o.Namespace != "" {
		text += " in " + o.Namespace
	}
	return text
}

// What the server writes in its own namespace, beside its status. The names are
// those of its RBAC rules.
const (
	tokensSecret = "tcr-webhook-tokens"
	caSecret     = "tcr-webhook-ca"
	hostsList    = "tcr-webhook-hosts"
	lease        = "tcr-webhook"
)

// registrations are all that the API server may call us by, those first that may
// deny a pod which the others have not changed.
func registrations() []Object {
	mutating := admissionregistrationv1.SchemeGroupVersion.WithResource("mutatingwebhookconfigurations")
	validating := admissionregistrationv1.SchemeGroupVersion.WithResource("validatingwebhookconfigurations")
	return []Object{
		{Resource: validating, Name: registration.PolicyName},
		{Resource: validating, Name: registration.Name},
		{Resource: mutating, Name: registration.Name},
		{Resource: mutating, Name: registration.AlwaysName},
	}
}

// own are what the server writes in its own namespace. The tokens are first:
// they are what could do harm.
func (u *Uninstaller) own() []Object {
	secrets, configMaps := corev1.SchemeGroupVersion.WithResource("secrets"), corev1.SchemeGroupVersion.WithResource("configmaps")
	return []Object{
		{Resource: secrets, Namespace: u.Namespace, Name: tokensSecret},
		{Resource: secrets, Namespace: u.Namespace, Name: caSecret},
		{Resource: configMaps, Namespace: u.Namespace, Name: hostsList},
		{Resource: configMaps, Namespace: u.Namespace, Name: status.ConfigMapName},
		{Resource: coordinationv1.SchemeGroupVersion.WithResource("leases"), Namespace: u.Namespace, Name: lease},
	}
}

func (u *Uninstaller) removeRegistrations(ctx context.Context) error {
	for _, o := range registrations() {
		if err := u.remove(ctx, []Object{o}); err != nil {
			return err
		}
	}
	return nil
}

func (u *Uninstaller) removeOwn(ctx context.Context) error { return u.remove(ctx, u.own()) }

// remove deletes those of all that are there, and returns when they are gone.
func (u *Uninstaller) remove(ctx context.Context, all []Object) error {
	_, err := sweep(ctx, u.sweeper(), func(ctx context.Context) ([]Object, error) { return u.there(ctx, all) }, u.delete)
	return err
}

// there finds those of all that exist.
func (u *Uninstaller) there(ctx context.Context, all []Object) ([]Object, error) {
	var found []Object
	var errs []error
	for _, o := range all {
		meta, err := u.resource(o).Get(ctx, o.Name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			errs = append(errs, fmt.Errorf("look for %s: %w", o, err))
		default:
			o.uid = meta.UID
			found = append(found, o)
		}
	}
	return found, errors.Join(errs...)
}

// delete deletes the object that was found, and no other that has its name by
// now.
func (u *Uninstaller) delete(ctx context.Context, o Object) error {
	err := u.resource(o).Delete(ctx, o.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &o.uid}})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete %s: %w", o, err)
	}
	return nil
}

func (u *Uninstaller) resource(o Object) metadata.ResourceInterface {
	if o.Namespace == "" {
		return u.metadata.Resource(o.Resource)
	}
	return u.metadata.Resource(o.Resource).Namespace(o.Namespace)
}
