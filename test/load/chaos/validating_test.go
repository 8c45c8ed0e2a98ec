package chaos

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/validating"
	"k8s.io/apiserver/pkg/authentication/user"
	webhookutil "k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// look is a webhook that only looks: at what, and what can go wrong with it.
type look struct {
	path     string
	resource string
	object   func() admittable // that nothing is wrong with
	faults   func() []lookFault
}

// admittable is an object that an API server asks about.
type admittable interface {
	runtime.Object
	metav1.Object
}

// lookFault is a fault of a webhook that looks.
type lookFault struct {
	fault
	deliveries webhook.Deliveries // nil for those that are well
}

func looks() map[string]look {
	return map[string]look{
		"final pods": {path: webhook.FinalPodsPath, resource: "pods", object: finalPod, faults: finalPodFaults},
		"namespaces": {path: webhook.NamespacesPath, resource: "namespaces", object: askingNamespace, faults: namespacesFaults},
	}
}

// finalPod is newPod after us: as the strictest rule wants it.
func finalPod() admittable {
	pod := newPod()
	pod.Spec.Containers[0].Image = servedImage
	pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: pullSecretName}}
	return pod
}

// askingNamespace asks for what it may have.
func askingNamespace() admittable {
	return &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: "team-a", Annotations: map[string]string{delivery.Annotation: "tcr-demo0001"}},
	}
}

// finalPodFaults are those of the pods' webhook but for its Secrets, which a
// look does not ask for.
func finalPodFaults() []lookFault {
	secret := map[string]bool{}
	for _, f := range secretFaults() {
		secret[f.name] = true
	}
	var list []lookFault
	for _, f := range faults() {
		if !secret[f.name] {
			list = append(list, lookFault{fault: f})
		}
	}
	return list
}

// deliveriesFunc is a webhook.Deliveries.
type deliveriesFunc func(string)

func (f deliveriesFunc) Expect(namespace string) { f(namespace) }

// namespacesFaults are of NamespacesOptions.Snapshot, Deliveries and of the
// certificate.
func namespacesFaults() []lookFault {
	var list []lookFault
	for _, f := range append(snapshotFaults(), certificateFaults()...) {
		list = append(list, lookFault{fault: f})
	}
	of := func(name string, want reply, f deliveriesFunc) {
		list = append(list, lookFault{fault: fault{name: name, want: want}, deliveries: f})
	}
	of("panicking deliveries", elsewhere, func(string) { panic("deliveries") })
	of("aborting deliveries", elsewhere, func(string) { panic(http.ErrAbortHandler) })
	of("slow deliveries", served, func(string) { time.Sleep(awhile) })
	of("deliveries that take too long", noAnswer, func(string) { time.Sleep(tooLong) })
	calls := new(atomic.Int32)
	of("deliveries that panic once", elsewhere, func(string) { panicOnce(calls) })
	list[len(list)-1].heals = true
	return list
}

// newLooks serves both webhooks with f in them, and denies what slipped past.
func newLooks(t *testing.T, f *lookFault) http.Handler {
	t.Helper()
	state, err := newState()
	require.NoError(t, err)
	state.DenyWithoutPullSecret = true
	metrics, err := webhook.NewMetrics(prometheus.NewRegistry())
	require.NoError(t, err)
	options := webhook.PodsOptions{
		Snapshot:    func() *webhook.State { return state },
		Namespaces:  func(string) (map[string]string, bool) { return nil, true },
		PullSecrets: secretsFunc(func(context.Context, webhook.Need) webhook.Delivery { panic("a look asks for no Secret") }),
		Metrics:     metrics,
	}
	if f.edit != nil {
		f.edit(&options)
	}
	deliveries := f.deliveries
	if deliveries == nil {
		deliveries = deliveriesFunc(func(string) {})
	}
	pods, err := webhook.NewPods(options)
	require.NoError(t, err)
	namespaces, err := webhook.NewNamespaces(webhook.NamespacesOptions{Snapshot: options.Snapshot, Deliveries: deliveries, Metrics: metrics})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle(webhook.FinalPodsPath, pods.Final())
	mux.Handle(webhook.NamespacesPath, namespaces)
	return mux
}

func (f *lookFault) start(t *testing.T) (identity, *replica) {
	t.Helper()
	id := mustIdentity(t)
	id.broken = f.certificate
	return id, mustReplica(t, id, newLooks(t, f), ours(time.Millisecond))
}

// review is the API server's question about the object.
func (l *look) review(t *testing.T) []byte {
	t.Helper()
	o := l.object()
	object, err := json.Marshal(o)
	require.NoError(t, err)
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: reviewUID, Kind: metav1.GroupVersionKind{Version: "v1", Kind: o.GetObjectKind().GroupVersionKind().Kind},
			Resource: metav1.GroupVersionResource{Version: "v1", Resource: l.resource},
			Name:     o.GetName(), Namespace: o.GetNamespace(), Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: object},
		},
	})
	require.NoError(t, err)
	return body
}

// TestNoFaultOfALookDenies injects each fault and looks at the answer itself.
func TestNoFaultOfALookDenies(t *testing.T) {
	t.Parallel()
	for name, l := range looks() {
		for _, f := range l.faults() {
			t.Run(name+", "+f.name, func(t *testing.T) {
				t.Parallel()
				id, r := f.start(t)
				ctx, cancel := context.WithTimeout(t.Context(), faultTimeout*time.Second)
				defer cancel()
				got, body := post(ctx, t, id, r, l.review(t), func(request *http.Request) { request.URL.Path = l.path })
				assert.Equal(t, f.want, got, "%s", body)
				if got == served {
					assert.Empty(t, requireAllowed(t, reviewUID, body).Patch)
				}
			})
		}
	}
}

// TestWhatALookIsForDenies shows that the looks above could have denied.
func TestWhatALookIsForDenies(t *testing.T) {
	t.Parallel()
	wrong := map[string]func() admittable{
		"final pods": func() admittable { return newPod() },
		"namespaces": func() admittable {
			ns := askingNamespace()
			ns.SetAnnotations(map[string]string{delivery.Annotation: "tcr-other001"})
			return ns
		},
	}
	for name, l := range looks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l.object = wrong[name]
			var f lookFault
			id, r := f.start(t)
			got, body := post(t.Context(), t, id, r, l.review(t), func(request *http.Request) { request.URL.Path = l.path })
			require.Equal(t, served, got, "%s", body)
			var review admissionv1.AdmissionReview
			require.NoError(t, json.Unmarshal(body, &review))
			assert.False(t, review.Response.Allowed)

			v := l.newValidator(t, registration{dial: r.dial, ca: id.ca, policy: admissionregistrationv1.Ignore, timeout: faultTimeout})
			assert.ErrorContains(t, v.create(t.Context(), l.object()), "denied the request")
		})
	}
}

// TestFaultsOfALookInAnAPIServer injects each fault and looks at what becomes
// of the object: it passes, or the failurePolicy decides, and never we.
func TestFaultsOfALookInAnAPIServer(t *testing.T) {
	t.Parallel()
	for name, l := range looks() {
		for _, policy := range []admissionregistrationv1.FailurePolicyType{admissionregistrationv1.Ignore, admissionregistrationv1.Fail} {
			for _, f := range l.faults() { // made anew, since some count
				t.Run(name+", "+f.name+", "+string(policy), func(t *testing.T) {
					t.Parallel()
					id, r := f.start(t)
					v := l.newValidator(t, registration{dial: r.dial, ca: id.ca, policy: policy, timeout: faultTimeout})
					err := v.create(t.Context(), l.object())
					if f.want == served || f.heals || policy == admissionregistrationv1.Ignore {
						require.NoError(t, err)
						return
					}
					require.ErrorContains(t, err, "failed calling webhook")
					assert.NotContains(t, err.Error(), "denied the request")
				})
			}
		}
	}
}

// validator is the part of a kube-apiserver that calls validating webhooks.
type validator struct {
	apiServer
	resource string
	plugin   *validating.Plugin
}

// newValidator starts the plugin with one webhook.
func (l *look) newValidator(t *testing.T, r registration) *validator {
	t.Helper()
	v := &validator{apiServer: apiServer{objects: admission.NewObjectInterfacesFromScheme(podScheme(t))}, resource: l.resource}
	plugin, err := validating.NewValidatingAdmissionWebhook(nil)
	require.NoError(t, err)
	v.plugin = plugin
	client := fake.NewClientset(l.configuration(&r), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}})
	factory := informers.NewSharedInformerFactory(client, 0)
	plugin.SetExternalKubeClientSet(client)
	plugin.SetExternalKubeInformerFactory(factory)
	plugin.SetAuthenticationInfoResolverWrapper(func(webhookutil.AuthenticationInfoResolver) webhookutil.AuthenticationInfoResolver {
		return v.resolver(r)
	})
	require.NoError(t, plugin.ValidateInitialization())
	stop := make(chan struct{})
	factory.Start(stop)
	factory.WaitForCacheSync(stop)
	require.True(t, plugin.WaitForReady())
	t.Cleanup(func() {
		close(stop)
		factory.Shutdown()
		v.closeIdleConnections()
	})
	return v
}

// configuration is the project's registration, as far as it is about this.
func (l *look) configuration(r *registration) *admissionregistrationv1.ValidatingWebhookConfiguration {
	mutating := r.configuration().Webhooks[0]
	mutating.ClientConfig.Service.Path = &l.path
	scope := admissionregistrationv1.AllScopes
	mutating.Rules[0].Rule = admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{l.resource}, Scope: &scope}
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "zz-tcr-webhook"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "look.tcr-webhook.io", ClientConfig: mutating.ClientConfig, Rules: mutating.Rules, FailurePolicy: mutating.FailurePolicy,
			MatchPolicy: mutating.MatchPolicy, NamespaceSelector: mutating.NamespaceSelector, ObjectSelector: mutating.ObjectSelector,
			SideEffects: mutating.SideEffects, TimeoutSeconds: mutating.TimeoutSeconds, AdmissionReviewVersions: mutating.AdmissionReviewVersions,
		}},
	}
}

// create has an object admitted.
func (v *validator) create(ctx context.Context, o admittable) error {
	attributes := admission.NewAttributesRecord(o, nil, o.GetObjectKind().GroupVersionKind(), o.GetNamespace(), o.GetName(),
		corev1.SchemeGroupVersion.WithResource(v.resource), "", admission.Create, &metav1.CreateOptions{}, false, &user.DefaultInfo{Name: "chaos"})
	return v.plugin.Validate(ctx, attributes, v.objects)
}
