package main

import (
	"context"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/doctor"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

// atRightsToInstall asks whether whoever runs this may install the chart.
func (e *examination) atRightsToInstall(ctx context.Context) {
	var missing []string
	for _, a := range []authorizationv1.ResourceAttributes{
		{Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations"}, {Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations"},
		{Group: "admissionregistration.k8s.io", Resource: "validatingadmissionpolicies"}, {Group: "rbac.authorization.k8s.io", Resource: "clusterroles"},
		{Group: "rbac.authorization.k8s.io", Resource: "clusterrolebindings"}, {Resource: "namespaces"},
		{Group: "apps", Resource: "deployments", Namespace: e.install.namespace},
	} {
		a.Verb = "create"
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a}}
		answer, err := e.watcher.client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			e.skip(doctor.ThingInstall, err.Error())
			return
		}
		if !answer.Status.Allowed {
			missing = append(missing, a.Resource)
		}
	}
	if len(missing) > 0 {
		e.add("TCR112", health.Error, "you may not create "+strings.Join(missing, ", "), "In TKE, obtain the role of a cluster administrator in the console.")
	}
}
