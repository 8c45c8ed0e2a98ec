package uninstall

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// plan is what Run would do, one step a line.
type plan struct{ lines []string }

// Plan says what Run would do, one step a line, and changes nothing.
func (u *Uninstaller) Plan(ctx context.Context) ([]string, error) {
	p := &plan{}
	for _, look := range []func(context.Context, *plan) error{u.planRegistrations, u.planDeployment, u.planSecrets, u.planAccounts, u.planOwn} {
		if err := look(ctx, p); err != nil {
			return nil, err
		}
	}
	return p.lines, nil
}

func (p *plan) add(format string, args ...any) {
	p.lines = append(p.lines, fmt.Sprintf(format, args...))
}

func (u *Uninstaller) planRegistrations(ctx context.Context, p *plan) error {
	return u.planObjects(ctx, p, registrations())
}

func (u *Uninstaller) planOwn(ctx context.Context, p *plan) error {
	return u.planObjects(ctx, p, u.own())
}

func (u *Uninstaller) planObjects(ctx context.Context, p *plan, all []Object) error {
	found, err := u.there(ctx, all)
	for _, o := range found {
		p.add("delete %s", o)
	}
	return err
}

func (u *Uninstaller) planDeployment(ctx context.Context, p *plan) error {
	d, err := u.client.AppsV1().Deployments(u.Namespace).Get(ctx, u.Deployment, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return fmt.Errorf("look for deployment %s: %w", u.Deployment, err)
	case replicas(d) > 0:
		p.add("scale deployments/%s in %s from %d to 0, and wait until its pods have ended", u.Deployment, u.Namespace, replicas(d))
	}
	return nil
}

func (u *Uninstaller) planSecrets(ctx context.Context, p *plan) error {
	ours, foreign, err := u.pullSecrets(ctx)
	if len(ours) > 0 {
		in := make([]string, len(ours))
		for i, o := range ours {
			in[i] = o.Namespace
		}
		p.add("delete secrets/%s in %s", u.PullSecret, some(in))
	}
	if len(foreign) > 0 {
		p.add("leave secrets/%s in %s, which is not ours", u.PullSecret, some(foreign))
	}
	return err
}

func (u *Uninstaller) planAccounts(ctx context.Context, p *plan) error {
	found, err := u.accounts(ctx)
	for _, a := range found {
		p.add("take our name out of imagePullSecrets of serviceaccounts/%s in %s", a.name, a.namespace)
	}
	return err
}

// named is how many namespaces are named of many.
const named = 10

// some names some of many namespaces, and counts the others.
func some(namespaces []string) string {
	slices.Sort(namespaces)
	if len(namespaces) <= named {
		return strings.Join(namespaces, ", ")
	}
	return fmt.Sprintf("%s and %d more namespaces", strings.Join(namespaces[:named], ", "), len(namespaces)-named)
}
