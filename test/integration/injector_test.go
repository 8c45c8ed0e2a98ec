package integration

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/pki"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// sidecar is the container that a foreign injector adds.
const sidecar = "sidecar"

// injectSidecar is a webhook that adds a container with an image of ours to
// every pod that has none of that name.
func injectSidecar(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	var pod corev1.Pod
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || json.Unmarshal(review.Request.Object.Raw, &pod) != nil {
		http.Error(w, "not a review of a pod", http.StatusBadRequest)
		return
	}
	response := &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	if len(pod.Spec.Containers) > 0 && pod.Spec.Containers[len(pod.Spec.Containers)-1].Name != sidecar {
		response.PatchType = new(admissionv1.PatchTypeJSONPatch)
		response.Patch = fmt.Appendf(nil, `[{"op":"add","path":"/spec/containers/-","value":{"name":%q,"image":%q}}]`, sidecar, publicImage)
	}
	review.Request, review.Response = nil, response
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review) // the API server says what is wrong with it
}

// registerInjector runs injectSidecar for pods with the label injector: name,
// under a configuration of that name.
func registerInjector(t *testing.T, a *author, name string) {
	t.Helper()
	ca, err := pki.New()
	require.NoError(t, err)
	leaf, err := ca.Leaf("127.0.0.1")
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(injectSidecar))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{*leaf}}
	server.StartTLS()
	t.Cleanup(server.Close)
	require.NoError(t, a.Create(t.Context(), &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name:                    "injector.example.com",
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: &server.URL, CABundle: ca.PEM()},
			AdmissionReviewVersions: []string{"v1"},
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			ObjectSelector:          &metav1.LabelSelector{MatchLabels: map[string]string{"injector": name}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}},
	}))
}

// podFor is a pod that the injector changes.
func podFor(injector, image string) *corev1.Pod {
	pod := newPod("shop", "", image)
	pod.GenerateName, pod.Labels = "hello-", map[string]string{"injector": injector}
	return pod
}

func TestASidecarOfAnotherWebhook(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	a.namespace(t, "shop")
	const before, after = "aa-injector", "zzz-injector"
	for _, injector := range []string{before, after} {
		registerInjector(t, a, injector)
		eventually(t, "the injector to be called", func() bool {
			pod := podFor(injector, "nginx")
			require.NoError(t, a.Create(t.Context(), pod))
			return len(pod.Spec.Containers) == 2
		})
	}
	_ = a.taken()

	pod := podFor(before, "nginx")
	require.NoError(t, a.Create(t.Context(), pod))
	assert.Equal(t, []string{"nginx", privateImage}, images(pod), "a sidecar that was there before us")
	assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets)

	pod = podFor(after, publicImage)
	require.NoError(t, a.Create(t.Context(), pod))
	assert.Equal(t, []string{privateImage, privateImage}, images(pod), "a sidecar that came after us: we are asked again")
	assert.Equal(t, pullSecrets, pod.Spec.ImagePullSecrets)
	assert.JSONEq(t, `{"containers/c0":"`+publicImage+`","containers/sidecar":"`+publicImage+`"}`, pod.Annotations["tcr-webhook.io/original-images"])
	assert.Empty(t, a.taken())

	const slipped = `tcr_webhook_skips_total{reason="SlippedPast"}`
	counts := counted(t, s, slipped)
	require.NoError(t, a.Create(t.Context(), podFor(after, "nginx")))
	assert.Contains(t, a.taken(), `containers/sidecar: the image needs the pull secret "tcr-pull"`, "a sidecar that came to a pod we were not asked about")
	assert.Equal(t, 1, counted(t, s, slipped)-counts)

	require.NoError(t, s.WriteConfig(strings.TrimSpace(stack.DefaultConfig)+"\npullSecret: {missing: Deny}\n"))
	eventually(t, "the pod to be denied", func() bool {
		err := a.Create(t.Context(), podFor(after, "nginx"))
		return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "containers/sidecar")
	})
	require.NoError(t, a.Create(t.Context(), podFor(before, "nginx")), "nothing is wrong with this one")
}
