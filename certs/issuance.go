package certs

import (
	"context"
	"fmt"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	certmanagermeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// CertificateName is cert-manager's Certificate in our own namespace.
const CertificateName = "tcr-webhook"

// Issuance says what keeps cert-manager from giving us a certificate; "" where
// nothing does. It reads the Certificate by live, whose scheme knows
// cert-manager's types. Serving does not depend on it: what is mounted is served.
func Issuance(ctx context.Context, live client.Reader, namespace string) string {
	var found certmanager.Certificate
	err := live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: CertificateName}, &found)
	switch name := namespace + "/" + CertificateName; {
	case meta.IsNoMatchError(err):
		return "cert-manager is not installed: the cluster knows no Certificate; install it, or use --certs self"
	case apierrors.IsNotFound(err):
		return fmt.Sprintf("Certificate %s does not exist, so cert-manager renews nothing: apply it", name)
	case apierrors.IsForbidden(err):
		return fmt.Sprintf("Certificate %s may not be read: grant get on it", name)
	case err != nil:
		return fmt.Sprintf("Certificate %s cannot be read: %v", name, err)
	}
	for _, c := range found.Status.Conditions {
		if c.Type == certmanager.CertificateConditionReady {
			if c.Status == certmanagermeta.ConditionTrue {
				return ""
			}
			return fmt.Sprintf("Certificate %s/%s is not ready (%s): %s", namespace, CertificateName, c.Reason, c.Message)
		}
	}
	return fmt.Sprintf("Certificate %s/%s has not been looked at by cert-manager yet: does it run?", namespace, CertificateName)
}
