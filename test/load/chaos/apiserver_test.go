package chaos

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	"k8s.io/apiserver/pkg/authentication/user"
	webhookutil "k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"

	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// dialer makes a connection to the webhook's Service.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// registration is what differs between the tests in how the webhook is called.
type registration struct {
	dial    dialer
	ca      []byte // PEM
	policy  admissionregistrationv1.FailurePolicyType
	timeout int32 // seconds
	// tune changes the API server's transport; nil leaves it as it is.
	tune func(*http.Transport)
	// live has the registration follow what somebody else stores; nil leaves it
	// as it is.
	live func(update func(*admissionregistrationv1.MutatingWebhookConfiguration)) (stop func())
}

// apiServer is the part of a kube-apiserver that calls mutating webhooks.
type apiServer struct {
	plugin  *mutating.Plugin
	objects admission.ObjectInterfaces
	// transport is the one that the calls are made with, after the first.
	transport *http.Transport
	stop      func()
}

// newAPIServer starts the plugin. Its calls run in the bubble or the test that
// makes the first, so one that is used on fake time serves one bubble.
func newAPIServer(t *testing.T, r registration) *apiServer {
	t.Helper()
	a := &apiServer{objects: admission.NewObjectInterfacesFromScheme(podScheme(t))}
	plugin, err := mutating.NewMutatingWebhook(nil)
	require.NoError(t, err)
	a.plugin = plugin
	client := fake.NewClientset(r.configuration())
	factory := informers.NewSharedInformerFactory(client, 0)
	plugin.SetExternalKubeClientSet(client)
	plugin.SetExternalKubeInformerFactory(factory)
	plugin.SetAuthenticationInfoResolverWrapper(func(webhookutil.AuthenticationInfoResolver) webhookutil.AuthenticationInfoResolver {
		return a.resolver(r)
	})
	require.NoError(t, plugin.ValidateInitialization())
	stop := make(chan struct{})
	factory.Start(stop)
	factory.WaitForCacheSync(stop)
	require.True(t, plugin.WaitForReady())
	unsubscribe := func() {}
	if r.live != nil {
		unsubscribe = r.live(func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
			_, err := client.AdmissionregistrationV1().MutatingWebhookConfigurations().Update(context.WithoutCancel(t.Context()), c, metav1.UpdateOptions{})
			assert.NoError(t, err)
		})
	}
	a.stop = sync.OnceFunc(func() {
		unsubscribe()
		close(stop)
		factory.Shutdown()
		a.closeIdleConnections()
	})
	t.Cleanup(a.stop)
	return a
}

// configuration is the project's registration, without what keeps calls away.
func (r registration) configuration() *admissionregistrationv1.MutatingWebhookConfiguration {
	path, reinvoke, effects := webhook.PodsPath, admissionregistrationv1.IfNeededReinvocationPolicy, admissionregistrationv1.SideEffectClassNoneOnDryRun
	port, match, scope := int32(443), admissionregistrationv1.Equivalent, admissionregistrationv1.NamespacedScope
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "zz-tcr-webhook"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "pods.tcr-webhook.io",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				Service:  &admissionregistrationv1.ServiceReference{Namespace: "tcr-webhook", Name: "tcr-webhook", Path: &path, Port: &port},
				CABundle: r.ca,
			},
			AdmissionReviewVersions: []string{"v1"},
			SideEffects:             &effects,
			MatchPolicy:             &match,
			ReinvocationPolicy:      &reinvoke,
			FailurePolicy:           &r.policy,
			TimeoutSeconds:          &r.timeout,
			NamespaceSelector:       &metav1.LabelSelector{},
			ObjectSelector:          &metav1.LabelSelector{},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}, Scope: &scope},
			}},
		}},
	}
}

// serviceHost is how the API server names the Service, and what its
// certificate is for.
const serviceHost = "tcr-webhook.tcr-webhook.svc"

// resolver says how to connect, at the places where kube-apiserver puts in the
// dialer of an egress proxy; all else is as without one.
func (a *apiServer) resolver(r registration) webhookutil.AuthenticationInfoResolver {
	config := func() (*rest.Config, error) {
		c := &rest.Config{Dial: r.dial}
		c.Wrap(func(rt http.RoundTripper) http.RoundTripper {
			a.transport = transportOf(rt)
			if r.tune != nil {
				r.tune(a.transport)
			}
			return rt
		})
		return c, nil
	}
	return &webhookutil.AuthenticationInfoResolverDelegator{
		ClientConfigForFunc:        func(string) (*rest.Config, error) { return config() },
		ClientConfigForServiceFunc: func(string, string, int) (*rest.Config, error) { return config() },
	}
}

// transportOf finds the transport under what client-go wraps around it.
func transportOf(rt http.RoundTripper) *http.Transport {
	for {
		switch known := rt.(type) {
		case *http.Transport:
			return known
		case interface{ WrappedRoundTripper() http.RoundTripper }:
			rt = known.WrappedRoundTripper()
		default:
			panic(fmt.Sprintf("no http.Transport in %T", rt))
		}
	}
}

func (a *apiServer) closeIdleConnections() {
	if a.transport != nil {
		a.transport.CloseIdleConnections()
	}
}

// podScheme is of API objects as they are on the wire. kube-apiserver converts
// pods to its internal version and back, which is its own affair.
func podScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, corev1.AddToScheme(scheme))
	require.NoError(t, scheme.AddConversionFunc((*corev1.Pod)(nil), (*corev1.Pod)(nil), func(a, b any, _ conversion.Scope) error {
		*b.(*corev1.Pod) = *a.(*corev1.Pod)
		return nil
	}))
	return scheme
}

// create has pod admitted, which changes it.
func (a *apiServer) create(ctx context.Context, pod *corev1.Pod) error {
	attributes := admission.NewAttributesRecord(pod, nil, corev1.SchemeGroupVersion.WithKind("Pod"), pod.Namespace, pod.Name,
		corev1.SchemeGroupVersion.WithResource("pods"), "", admission.Create, &metav1.CreateOptions{}, false, &user.DefaultInfo{Name: "chaos"})
	return a.plugin.Admit(ctx, attributes, a.objects)
}

// newPod is a pod of the demo instance as an API server holds it.
func newPod() *corev1.Pod {
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{GenerateName: "web-", Namespace: "team-a", Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: writtenImage}}},
	}
}

// mutated tells whether the webhook has done all it has to do for newPod.
func mutated(pod *corev1.Pod) bool {
	return pod.Spec.Containers[0].Image == servedImage && len(pod.Spec.ImagePullSecrets) == 1 && pod.Spec.ImagePullSecrets[0].Name == pullSecretName
}

// usualTimeout is the registration's timeoutSeconds.
const usualTimeout = 3

// settle is how long goroutines and connections may take to go away.
const settle = 10 * time.Second
