package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/doctor"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// atDeployment looks at what the pods of the installation are made from.
func (e *examination) atDeployment(ctx context.Context) {
	d, err := e.watcher.client.AppsV1().Deployments(e.install.namespace).Get(ctx, e.options.deployment, metav1.GetOptions{})
	if err != nil {
		for _, thing := range []string{doctor.ThingRights, doctor.ThingImage, doctor.ThingNetwork} {
			e.skip(thing, "there is no Deployment to be seen")
		}
		return
	}
	e.atRights(ctx, d)
	e.atImage(ctx, d)
	e.atNetworkPolicies(ctx, d)
	e.atHolder(ctx, d)
}

// atRights asks whether the server may do what it has to.
func (e *examination) atRights(ctx context.Context, d *appsv1.Deployment) {
	account := d.Spec.Template.Spec.ServiceAccountName
	var missing []string
	for _, a := range doctor.Rights(e.needs(d)) {
		answer, err := e.watcher.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:   "system:serviceaccount:" + e.install.namespace + ":" + account,
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + e.install.namespace, "system:authenticated"}, ResourceAttributes: &a,
		}}, metav1.CreateOptions{})
		if err != nil {
			e.skip(doctor.ThingRights, err.Error())
			return
		}
		if !answer.Status.Allowed {
			missing = append(missing, strings.TrimSpace(a.Verb+" "+a.Resource+" "+a.Name))
		}
	}
	if len(missing) > 0 {
		e.add("TCR113", health.Error, fmt.Sprintf("ServiceAccount %s may not %s", account, strings.Join(missing, ", ")), "Apply the chart again with rbac.create: helm upgrade.")
	}
}

// needs says what the rights depend on.
func (e *examination) needs(d *appsv1.Deployment) doctor.Needs {
	n := doctor.Needs{Namespace: e.install.namespace, PullSecret: e.pullSecret(), Certs: "self"}
	for _, arg := range d.Spec.Template.Spec.Containers[0].Args {
		if mode, ok := strings.CutPrefix(arg, "--certs="); ok {
			n.Certs = mode
		}
	}
	if e.parsed != nil {
		n.ServiceAccounts = e.parsed.PullSecret.ServiceAccounts == "OnRequest"
		n.NodeAgent = e.parsed.NodeAgent.Enabled
		n.AllowList = e.parsed.Policy != nil
		for i := range e.parsed.Registries {
			if s := e.parsed.Registries[i].CredentialSecret; s != "" && !slices.Contains(n.Logins, s) {
				n.Logins = append(n.Logins, s)
			}
		}
	}
	return n
}

// atImage finds an image of ours that only we could log in for.
func (e *examination) atImage(ctx context.Context, d *appsv1.Deployment) {
	pod := &d.Spec.Template.Spec
	account, err := e.watcher.client.CoreV1().ServiceAccounts(e.install.namespace).Get(ctx, pod.ServiceAccountName, metav1.GetOptions{})
	if err == nil && len(account.ImagePullSecrets) > 0 || len(pod.ImagePullSecrets) > 0 {
		return // somebody has thought of it
	}
	for i := range pod.Containers {
		image := pod.Containers[i].Image
		if e.serves(image) {
			e.add("TCR116", health.Warning, fmt.Sprintf("its own image is %s, and nobody logs in for it: the namespace of the installation gets no login", image),
				"Have it pulled from where nodes need no login, or name a Secret of your own in imagePullSecrets of the chart.")
			return
		}
	}
}

// serves tells whether an image is of a registry that the configuration names.
func (e *examination) serves(image string) bool {
	return e.directory != nil && e.directory.Decide(image, registry.Namespace{Name: e.install.namespace}).Instance != "" ||
		slices.ContainsFunc(e.hosts(), func(h string) bool { return strings.HasPrefix(strings.ToLower(image), h+"/") })
}

// hosts are those that the server says it serves.
func (e *examination) hosts() (all []string) {
	if d := e.facts.Document; d != nil {
		for _, i := range d.Instances {
			all = append(all, i.Hosts...)
		}
	}
	return all
}

// webhookPort is what the chart has the pods listen on by default.
const webhookPort = 9443

func (e *examination) atNetworkPolicies(ctx context.Context, d *appsv1.Deployment) {
	list, err := e.watcher.client.NetworkingV1().NetworkPolicies(e.install.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		e.skip(doctor.ThingNetwork, err.Error())
		return
	}
	port, name := int32(webhookPort), "webhook"
	for _, p := range d.Spec.Template.Spec.Containers[0].Ports {
		if p.Name == name {
			port = p.ContainerPort
		}
	}
	e.found = append(e.found, doctor.OfNetworkPolicies(list.Items, d.Spec.Template.Labels, port, name)...)
}

// atHolder finds a leader that is of another installation.
func (e *examination) atHolder(ctx context.Context, d *appsv1.Deployment) {
	if e.facts.Lease == nil || e.facts.Lease.Holder == "" {
		return // which has a code of its own
	}
	pods, err := e.watcher.client.CoreV1().Pods(e.install.namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(d.Spec.Selector)})
	if err != nil || len(pods.Items) == 0 {
		return // nothing can be said of it
	}
	holder, _, _ := strings.Cut(e.facts.Lease.Holder, "_")
	if !slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return p.Name == holder || p.Spec.NodeName == holder }) {
		e.add("TCR118", health.Warning, "the leader, "+holder+", is none of the pods of the Deployment", "If there is another installation in this namespace, remove it; otherwise a replica takes over when the Lease tcr-webhook has run out.")
	}
}
