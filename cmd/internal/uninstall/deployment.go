package uninstall

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// none is the scale of a Deployment without pods.
const none = `{"spec":{"replicas":0}}`

// stop scales the Deployment to nothing and returns when none of its pods runs. A
// Deployment that is gone may have left pods that still do.
func (u *Uninstaller) stop(ctx context.Context) error {
	said := ""
	for {
		left, err := u.stopping(ctx)
		switch {
		case err == nil && left == "":
			return nil
		case err != nil && !passing(err):
			return err
		case err == nil && left != said:
			said = left
			u.Say("waiting until %s", left)
		}
		if ended := pause(ctx, again); ended != nil {
			if err != nil {
				return fmt.Errorf("stop deployment %s: %w: %w", u.Deployment, ended, err)
			}
			return fmt.Errorf("stop deployment %s: %w: waited until %s; where the node of a pod is gone for good, delete the pod with --force", u.Deployment, ended, left)
		}
	}
}

// stopping does what is still to be done, and says what there is to wait for.
func (u *Uninstaller) stopping(ctx context.Context) (string, error) {
	d, err := u.client.AppsV1().Deployments(u.Namespace).Get(ctx, u.Deployment, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		d = nil
	case err != nil:
		return "", fmt.Errorf("look for deployment %s: %w", u.Deployment, err)
	case replicas(d) > 0:
		_, err := u.client.AppsV1().Deployments(u.Namespace).Patch(ctx, u.Deployment, types.MergePatchType, []byte(none), metav1.PatchOptions{}, "scale")
		if err != nil {
			return "", fmt.Errorf("scale deployment %s to 0: %w", u.Deployment, err)
		}
		u.Say("scaled deployment %s from %d to 0", u.Deployment, replicas(d))
		return "its controller has seen it", nil
	}
	pods, err := u.running(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case len(pods) > 0:
		return "these pods have ended: " + strings.Join(pods, ", "), nil
	case d != nil && d.Status.ObservedGeneration < d.Generation:
		return "its controller has seen it", nil
	}
	return "", nil
}

// replicas is how many pods a Deployment wants.
func replicas(d *appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// running lists the pods of the Deployment that have not ended.
func (u *Uninstaller) running(ctx context.Context) ([]string, error) {
	all, err := u.client.CoreV1().Pods(u.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list pods of deployment %s: %w", u.Deployment, err)
	}
	var names []string
	for i := range all.Items {
		p := &all.Items[i]
		if p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed && deploymentOf(p) == u.Deployment {
			names = append(names, p.Name)
		}
	}
	return names, nil
}

// deploymentOf is the Deployment that a pod is of, by the name of its ReplicaSet;
// empty for any other pod, such as that of the Job which runs this. Its labels
// would not tell the two apart.
func deploymentOf(p *corev1.Pod) string {
	owner := metav1.GetControllerOf(p)
	if owner == nil || owner.Kind != "ReplicaSet" {
		return ""
	}
	return owner.Name[:max(0, strings.LastIndex(owner.Name, "-"))] // without the hash of its template
}
