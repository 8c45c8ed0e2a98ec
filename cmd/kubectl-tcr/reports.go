package main

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/audit"
)

func reportResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "wgpolicyk8s.io", Version: "v1alpha2", Resource: "policyreports"}
}

// reportsThere is an error where the cluster has no PolicyReports.
func reportsThere(ctx context.Context, client *kubernetes.Clientset) error {
	list, err := client.ServerResourcesForGroupVersionWithContext(ctx, audit.ReportVersion)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("ask for %s: %w", audit.ReportVersion, err)
	}
	if err == nil {
		for _, r := range list.APIResources {
			if r.Name == reportResource().Resource {
				return nil
			}
		}
	}
	return fmt.Errorf("the cluster has no PolicyReports (%s): install the CRDs of the Policy Working Group, or leave out --write-reports; -o policyreport prints the reports without them", audit.ReportVersion)
}

// writeReports brings the reports of the namespace, or of all of them, to what
// was found, and takes away those of namespaces where nothing runs any more.
func (c *command) writeReports(ctx context.Context, report *audit.Report, namespace string) error {
	config, err := c.flags.ToRESTConfig()
	if err != nil {
		return err
	}
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	resource := client.Resource(reportResource())
	fresh := map[string]bool{}
	for _, u := range report.PolicyReports() {
		fresh[u.GetNamespace()] = true
		_, err := resource.Namespace(u.GetNamespace()).Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: audit.ReportManager, Force: true})
		if err != nil {
			return fmt.Errorf("write PolicyReport %s/%s: %w", u.GetNamespace(), u.GetName(), err)
		}
	}
	old, err := resource.Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: audit.ReportLabel + "=" + audit.ReportManager})
	if err != nil {
		return fmt.Errorf("list PolicyReports: %w", err)
	}
	removed := 0
	for i := range old.Items {
		u := &old.Items[i]
		if u.GetName() != audit.ReportName || fresh[u.GetNamespace()] {
			continue
		}
		if err := resource.Namespace(u.GetNamespace()).Delete(ctx, u.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("remove PolicyReport %s/%s: %w", u.GetNamespace(), u.GetName(), err)
		}
		removed++
	}
	c.say("%s %s written, %d removed", c.symbols.fine, count(len(fresh), "PolicyReport"), removed)
	return nil
}
