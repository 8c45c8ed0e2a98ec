package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/doctor"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// heard is what the API server warns of.
type heard struct{ warnings []string }

// HandleWarningHeader implements rest.WarningHandler.
func (h *heard) HandleWarningHeader(_ int, _ string, text string) {
	h.warnings = append(h.warnings, text)
}

// ours is what the webhook warned of.
func (h *heard) ours() string {
	for _, w := range h.warnings {
		if text, ok := strings.CutPrefix(w, "tcr-webhook: "); ok {
			return text
		}
	}
	return ""
}

// listening is a client whose warnings somebody hears.
func (c *command) listening(h *heard) (*kubernetes.Clientset, error) {
	rest, err := c.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	rest.UserAgent, rest.WarningHandler = userAgent, h
	return kubernetes.NewForConfig(rest)
}

// atPod has the API server create a pod, and leave nothing of it.
func (e *examination) atPod(ctx context.Context) {
	skip := func(why string) { e.skip(doctor.ThingPod, why); e.skip(doctor.ThingPodServed, why) }
	image := e.sampleImage()
	if image == "" {
		skip("no host of an instance is known; give --image")
		return
	}
	said := &heard{}
	client, err := e.listening(said)
	if err != nil {
		skip(err.Error())
		return
	}
	pod, err := client.CoreV1().Pods(e.options.from).Create(ctx, samplePodOf(image), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err == nil {
		e.atServed(ctx, pod, image, said.ours())
		return
	}
	if f, ours := doctor.OfPod(err.Error()); ours {
		e.skip(doctor.ThingPodServed, "the API server does not reach the webhook")
		e.found = append(e.found, f)
		return
	}
	why := "the API server refuses the pod for another reason: " + err.Error()
	if apierrors.IsForbidden(err) {
		why += "; say --from-namespace where you may create pods"
	}
	skip(why)
}

// sampleImage is one of the first instance whose hosts are known.
func (e *examination) sampleImage() string {
	if e.options.image != "" {
		return e.options.image
	}
	if hosts := e.hosts(); len(hosts) > 0 {
		return hosts[0] + "/tcr-webhook-sample/app:1"
	}
	return ""
}

// atServed says what is wrong with a pod that was let through.
func (e *examination) atServed(ctx context.Context, pod *corev1.Pod, image, said string) {
	named := slices.ContainsFunc(pod.Spec.ImagePullSecrets, func(r corev1.LocalObjectReference) bool { return r.Name == e.pullSecret() })
	moved := pod.Annotations[podview.OriginalImagesAnnotation] != ""
	unmoved := pod.Spec.Containers[0].Image == image
	switch {
	case moved && !named:
		e.add("TCR131", health.Error, "another webhook takes the pull secret away that tcr-webhook gives a pod"+e.others(ctx), "Have it leave imagePullSecrets of others alone.")
	case moved && unmoved:
		e.add("TCR131", health.Warning, "another webhook puts back the image that tcr-webhook has moved to the private host"+e.others(ctx), "Have it leave images of your instances alone.")
	case !named:
		e.atUnserved(ctx, image, said)
	}
}

// atUnserved says why a pod that needs the pull secret is not given it.
func (e *examination) atUnserved(ctx context.Context, image, said string) {
	from := e.options.from
	ns, err := e.watcher.client.CoreV1().Namespaces().Get(ctx, from, metav1.GetOptions{})
	if err != nil {
		ns = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: from, Labels: withName(nil, from)}}
	}
	text, next := fmt.Sprintf("a pod in namespace %s is created without a login for %s", from, image), "See the namespaceSelector, the objectSelector, the rules and the matchConditions of zz-tcr-webhook, or apply the chart again: helm upgrade."
	switch {
	case from == e.install.namespace:
		e.skip(doctor.ThingPodServed, "namespace "+from+" is that of the installation, which is served by nobody; say --from-namespace")
	case ns.Labels[registry.InjectLabel] == registry.InjectDisabled:
		e.add("TCR129", health.Warning, text+", since the namespace opted out by the label "+registry.InjectLabel+"="+registry.InjectDisabled,
			fmt.Sprintf("If that is not meant: kubectl label namespace %s %s-", from, registry.InjectLabel))
	case e.directory != nil && len(e.directory.Serving(registry.Namespace{Name: from, Labels: ns.Labels})) == 0:
		e.add("TCR130", health.Warning, text+", since the configuration does not select the namespace", "Select it in registries[].namespaces, or say --from-namespace.")
	case !e.registeredFor(ns.Labels):
		e.add("TCR125", health.Error, text+": the registration's namespaceSelector leaves the namespace out", next)
	case said != "" && !strings.Contains(said, "tcr-webhook was not asked"):
		e.add("TCR125", health.Error, text+": "+said, "Do what it says.")
	default:
		if others := e.others(ctx); others != "" {
			e.add("TCR131", health.Error, text+": the registration does not let it through, or another webhook takes the pull secret away"+others, "Have the other leave imagePullSecrets alone; otherwise: "+next)
			return
		}
		e.add("TCR125", health.Error, text+": the registration does not let it through, or nobody answered and its failurePolicy is Ignore", next)
	}
}

// registeredFor tells whether some webhook for pods is registered for a namespace
// with these labels.
func (e *examination) registeredFor(ns map[string]string) bool {
	m := e.facts.Live.Mutating
	return m == nil || slices.ContainsFunc(m.Webhooks, func(w admissionregistrationv1.MutatingWebhook) bool {
		selector, err := metav1.LabelSelectorAsSelector(w.NamespaceSelector)
		return len(w.Rules) > 0 && (err != nil || w.NamespaceSelector == nil || selector.Matches(labels.Set(ns)))
	})
}

// others names the webhooks of others that change pods.
func (e *examination) others(ctx context.Context) string {
	list, err := e.watcher.client.AdmissionregistrationV1().MutatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		return ""
	}
	var names []string
	for i := range list.Items {
		m := &list.Items[i]
		if m.Name != registration.Name && m.Name != registration.AlwaysName && slices.ContainsFunc(m.Webhooks, changesPods) {
			names = append(names, m.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ", one of " + strings.Join(names, ", ")
}

func changesPods(w admissionregistrationv1.MutatingWebhook) bool {
	return slices.ContainsFunc(w.Rules, func(r admissionregistrationv1.RuleWithOperations) bool {
		return slices.ContainsFunc(r.Resources, func(s string) bool { return s == "pods" || s == "*" || s == "*/*" })
	})
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
