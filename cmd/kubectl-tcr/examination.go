package main

import (
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/doctor"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

// examination is what doctor finds.
type examination struct {
	*command
	options doctorOptions
	watcher *watcher
	facts   *health.Facts
	found   []health.Finding
	unseen  []health.Unseen
}

// newExamination looks at the cluster. An error means that it cannot be reached.
func (c *command) newExamination(ctx context.Context, o doctorOptions) (*examination, error) {
	w, err := c.newWatcher(o.deployment)
	if err != nil {
		return nil, err
	}
	if o.from == "" {
		o.from = *c.flags.Namespace
	}
	if o.from == "" {
		if o.from, _, err = c.flags.ToRawKubeConfigLoader().Namespace(); err != nil {
			return nil, fmt.Errorf("find the namespace: %w", err)
		}
	}
	facts, err := w.gather(ctx)
	if err != nil {
		return nil, err
	}
	return &examination{command: c, options: o, watcher: w, facts: facts}, nil
}

func (e *examination) add(code string, s health.Severity, text, next string) {
	e.found = append(e.found, health.Finding{Code: code, Severity: s, Text: text, Next: next})
}

func (e *examination) skip(thing, why string) {
	e.unseen = append(e.unseen, health.Unseen{Thing: thing, Why: why})
}

// examine makes the checks.
func (e *examination) examine(ctx context.Context) {
	e.unseen = append(e.unseen, e.facts.Unseen...)
	e.atCluster()
	e.atAddon(ctx)
	if e.options.pre {
		e.atRightsToInstall(ctx)
		return
	}
	e.skip(doctor.ThingInstall, "it is installed")
	e.found = append(e.found, health.Judge(e.facts).Findings...)
	if e.facts.Document == nil {
		e.skip(health.ThingDocument, "there is no status of the server")
	}
	e.atRegistrationsAlone()
	e.atLeftovers()
	e.atConfiguration(ctx)
	e.atRights(ctx)
	e.atPod(ctx)
}

// atCluster compares with the first version that has matchConditions by default.
func (e *examination) atCluster() {
	v, err := version.ParseGeneric(e.facts.Kubernetes)
	if err != nil {
		e.skip(doctor.ThingCluster, "the API server says that it is "+e.facts.Kubernetes)
		return
	}
	if v.LessThan(version.MustParseGeneric("1.28.0")) {
		e.add("TCR111", health.Error, "the API server is "+e.facts.Kubernetes+", which is older than 1.28", "Upgrade the cluster.")
	}
}

// atAddon looks for what the TCR add-on left.
func (e *examination) atAddon(ctx context.Context) {
	m, err := e.newMigration()
	if err != nil {
		e.skip(doctor.ThingAddon, err.Error())
		return
	}
	quiet := *e.command
	quiet.streams.ErrOut = nobody{}
	m.command = &quiet
	f, err := m.find(ctx)
	if err != nil {
		e.skip(doctor.ThingAddon, err.Error())
		return
	}
	if f.Running || f.Nodes > 0 || len(f.Logins)+len(f.Secrets)+len(f.Accounts) > 0 {
		e.add("TCR701", health.Warning, fmt.Sprintf("the TCR add-on left %s, %s and %s that name them; its hosts-updater is on %s",
			count(len(f.Logins), "ImagePullSecret"), count(len(f.Secrets), "Secret"), count(len(f.Accounts), "ServiceAccount"), count(f.Nodes, "node")), "kubectl tcr migrate shows the way from the add-on.")
	}
}

// nobody reads what is written to it.
type nobody struct{}

func (nobody) Write(p []byte) (int, error) { return len(p), nil }

// atRegistrationsAlone finds registrations that nobody answers.
func (e *examination) atRegistrationsAlone() {
	d := e.facts.Deployment
	if e.facts.Live.Mutating == nil || d != nil && d.Want > 0 || d == nil && !e.looked(health.ThingDeployment) {
		return
	}
	e.add("TCR110", health.Error, "pods are registered with a webhook that is not there, so that those with images of yours are not created",
		"Install the chart again, or take the rest out: kubectl tcr uninstall.")
}

func (e *examination) looked(thing string) bool {
	for _, u := range e.unseen {
		if u.Thing == thing {
			return false
		}
	}
	return true
}

// atLeftovers finds logins that nothing calls for.
func (e *examination) atLeftovers() {
	if d := e.facts.Document; d != nil && d.Secrets["leftover"] > 0 {
		e.add("TCR407", health.Warning, count(d.Secrets["leftover"], "pull Secret")+" of namespaces that the configuration does not select",
			"They are removed after ten minutes; where they are not, see the Events of their namespaces.")
	}
}

// atConfiguration reads the configuration that the server is given.
func (e *examination) atConfiguration(ctx context.Context) {
	s, err := e.inForce(ctx)
	if err != nil {
		e.skip(doctor.ThingMistakes, err.Error())
		e.skip(health.ThingConfiguration, err.Error())
		return
	}
	parsed, err := s.decode()
	if err != nil {
		e.add("TCR603", health.Error, strings.ReplaceAll(err.Error(), "\n", "; "), "Mend it, and apply the chart again.")
		return
	}
	for _, w := range config.Lint(parsed) {
		e.add("TCR610", health.Warning, fmt.Sprintf("%s: %s", w.Path, w.Text), "Change it, or leave it with --ignore TCR610.")
	}
}

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

// rights are those that the server cannot do without, beside those of a mode.
func (e *examination) rights(pullSecret string) []authorizationv1.ResourceAttributes {
	var all []authorizationv1.ResourceAttributes
	add := func(namespace, group, resource, name, verbs string) {
		for verb := range strings.FieldsSeq(verbs) {
			all = append(all, authorizationv1.ResourceAttributes{Namespace: namespace, Group: group, Resource: resource, Name: name, Verb: verb})
		}
	}
	own := e.install.namespace
	add("", "", "namespaces", "", "get list watch")
	add("", "", "serviceaccounts", "", "list watch")
	add("", "", "secrets", pullSecret, "get list watch create patch delete")
	add("", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "zz-tcr-webhook", "list watch")
	add("", "admissionregistration.k8s.io", "validatingwebhookconfigurations", "zz-tcr-webhook", "list watch")
	add(own, "", "secrets", "tcr-webhook-tokens", "get list watch create patch")
	add(own, "", "configmaps", "tcr-webhook-status", "get create patch")
	add(own, "coordination.k8s.io", "leases", "tcr-webhook", "get create update")
	return all
}

// atRights asks whether the server may do what it has to.
func (e *examination) atRights(ctx context.Context) {
	d, err := e.watcher.client.AppsV1().Deployments(e.install.namespace).Get(ctx, e.options.deployment, metav1.GetOptions{})
	if err != nil {
		e.skip(doctor.ThingRights, "there is no Deployment to be seen")
		return
	}
	account := d.Spec.Template.Spec.ServiceAccountName
	pullSecret, err := e.pullSecretName(ctx)
	if err != nil {
		pullSecret = "tcr-pull"
	}
	var missing []string
	for _, a := range e.rights(pullSecret) {
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

// atPod has the API server create a pod, and leave nothing of it.
func (e *examination) atPod(ctx context.Context) {
	image := e.options.image
	if d := e.facts.Document; image == "" && d != nil {
		for i := len(d.Instances) - 1; i >= 0; i-- {
			if len(d.Instances[i].Hosts) > 0 {
				image = d.Instances[i].Hosts[0] + "/tcr-webhook-sample/app:1"
			}
		}
	}
	if image == "" {
		e.skip(doctor.ThingPod, "no host of an instance is known; give --image")
		return
	}
	pod, err := e.watcher.client.CoreV1().Pods(e.options.from).Create(ctx, samplePodOf(image), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err == nil {
		if pod.Spec.Containers[0].Image == image && len(pod.Spec.ImagePullSecrets) == 0 {
			e.add("TCR125", health.Error, fmt.Sprintf("a pod in namespace %s is created without a login for %s", e.options.from, image),
				"kubectl tcr explain says whether the configuration selects the namespace; where it does, see the namespaceSelector and the matchConditions of the registration.")
		}
		return
	}
	if f, ours := doctor.OfPod(err.Error()); ours {
		e.found = append(e.found, f)
		return
	}
	why := "the API server refuses the pod for another reason: " + err.Error()
	if apierrors.IsForbidden(err) {
		why += "; say --from-namespace where you may create pods"
	}
	e.skip(doctor.ThingPod, why)
}

// samplePodOf is a pod that the strictest level of pod security lets through.
func samplePodOf(image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "tcr-webhook-doctor-"},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: new(false),
			SecurityContext:              &corev1.PodSecurityContext{RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "app", Image: image,
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}},
		},
	}
}
