package certs

import (
	"context"
	"crypto/x509"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// injector writes caBundles. It is of one goroutine.
type injector struct {
	client   client.Client
	repaired func(Registration)
	// seen is the bundle that a registration was last seen with, by name.
	seen map[string]string
}

// whole notes that r is as it should be.
func (i *injector) whole(r Registration, bundle []*x509.Certificate) {
	if i.seen == nil {
		i.seen = map[string]string{}
	}
	i.seen[r.String()] = fmt.Sprint(labels(bundle))
}

// inject gives all entries of r this caBundle.
func (i *injector) inject(ctx context.Context, r Registration, bundle []*x509.Certificate) error {
	patch, err := r.Patch(bundle)
	if patch == nil || err != nil {
		return err
	}
	object := map[string]client.Object{
		Mutating:   &admissionregistrationv1.MutatingWebhookConfiguration{},
		Validating: &admissionregistrationv1.ValidatingWebhookConfiguration{},
	}[r.Kind]
	object.SetName(r.Name)
	switch err := i.client.Patch(ctx, object, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(fieldManager)); {
	case apierrors.IsConflict(err), apierrors.IsInvalid(err), apierrors.IsNotFound(err):
		// The tests of a JSON patch that fail are told as something invalid.
		return fmt.Errorf("write caBundle of %s: %w", r, errChanged)
	case err != nil:
		return fmt.Errorf("write caBundle of %s: %w", r, err)
	}
	log := log.FromContext(ctx).WithValues("registration", r.String(), "trusted", labels(bundle))
	if i.seen[r.String()] == fmt.Sprint(labels(bundle)) {
		log.Info("Repaired a caBundle that had been changed")
		i.repaired(r)
	} else {
		log.Info("Wrote a caBundle")
	}
	i.whole(r, bundle)
	return nil
}
