package uninstall

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tcr-webhook/tcr-webhook/credentials/mark"
)

// account is a ServiceAccount that has a pull Secret from us.
type account struct {
	namespace, name string
	patch           []byte
}

func (a account) String() string {
	return fmt.Sprintf("the pull secret of serviceaccounts/%s in %s", a.name, a.namespace)
}

// clearServiceAccounts takes the names out of imagePullSecrets that we have put
// there.
func (u *Uninstaller) clearServiceAccounts(ctx context.Context) error {
	_, err := sweep(ctx, u.sweeper(), u.accounts, u.clear)
	return err
}

// accounts lists the ServiceAccounts that we have changed.
func (u *Uninstaller) accounts(ctx context.Context) ([]account, error) {
	var found []account
	options := metav1.ListOptions{Limit: pageSize}
	for {
		page, err := u.client.CoreV1().ServiceAccounts(corev1.NamespaceAll).List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("list service accounts: %w", err)
		}
		for i := range page.Items {
			patch, err := mark.AccountPatch(&page.Items[i], "")
			if err != nil {
				return nil, err
			}
			if patch != nil {
				found = append(found, account{page.Items[i].Namespace, page.Items[i].Name, patch})
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return found, nil
		}
	}
}

func (u *Uninstaller) clear(ctx context.Context, a account) error {
	_, err := u.client.CoreV1().ServiceAccounts(a.namespace).Patch(ctx, a.name, types.JSONPatchType, a.patch, metav1.PatchOptions{FieldManager: mark.FieldManager})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("change service account %s/%s: %w", a.namespace, a.name, err)
	}
	return nil
}
