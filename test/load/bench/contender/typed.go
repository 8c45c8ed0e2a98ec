package contender

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// typed does our job the usual way: it decodes the pod into its Go type,
// changes that, encodes it and has the difference computed.
type typed struct {
	decoder admission.Decoder
}

func newTyped() (http.Handler, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return instrumented(typed{admission.NewDecoder(scheme)})
}

// instrumented is handler behind the metrics that controller-runtime's own
// server puts before every webhook.
func instrumented(handler admission.Handler) (http.Handler, error) {
	return admission.StandaloneWebhook(&admission.Webhook{Handler: handler}, admission.StandaloneOptions{MetricsPath: Path})
}

// Handle implements admission.Handler.
func (t typed) Handle(_ context.Context, req admission.Request) admission.Response {
	var pod corev1.Pod
	if err := t.decoder.Decode(req, &pod); err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	if err := mutate(&pod); err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	changed, err := json.Marshal(&pod)
	if err != nil {
		return admission.Errored(http.StatusInternalServerError, err)
	}
	return admission.PatchResponseFromRaw(req.Object.Raw, changed)
}

// mutate moves the instance's images to its private host, notes what they were
// and names the pull secret.
func mutate(pod *corev1.Pod) error {
	originals := map[string]string{}
	for name, image := range images(&pod.Spec) {
		if rest, ours := strings.CutPrefix(*image, PublicHost+"/"); ours {
			originals[name] = *image
			*image = PrivateHost + "/" + rest
		}
	}
	if len(originals) == 0 {
		return nil
	}
	if secret := (corev1.LocalObjectReference{Name: PullSecret}); !slices.Contains(pod.Spec.ImagePullSecrets, secret) {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, secret)
	}
	return annotate(pod, originals)
}

// annotationLimit is TotalAnnotationSizeLimitB of Kubernetes' API validation.
const annotationLimit = 256 << 10

func annotate(pod *corev1.Pod, originals map[string]string) error {
	note, err := json.Marshal(originals)
	if err != nil {
		return err
	}
	size := len(podview.OriginalImagesAnnotation) + len(note)
	for name, value := range pod.Annotations {
		size += len(name) + len(value)
	}
	if size > annotationLimit {
		return nil
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[podview.OriginalImagesAnnotation] = string(note)
	return nil
}

// images goes through all places of a pod that name an image.
func images(spec *corev1.PodSpec) iter.Seq2[string, *string] {
	return func(yield func(string, *string) bool) {
		for i := range spec.InitContainers {
			if c := &spec.InitContainers[i]; !yield("initContainers/"+c.Name, &c.Image) {
				return
			}
		}
		for i := range spec.Containers {
			if c := &spec.Containers[i]; !yield("containers/"+c.Name, &c.Image) {
				return
			}
		}
		for i := range spec.Volumes {
			if v := &spec.Volumes[i]; v.Image != nil && !yield("volumes/"+v.Name, &v.Image.Reference) {
				return
			}
		}
	}
}
