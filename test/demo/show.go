package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/pmezard/go-difflib/difflib"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

const (
	namespace = "shop"
	image     = stack.PublicHost + "/team/hello:1"
)

// written is the pod as its author writes it.
func written(name string) *corev1.Pod {
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "hello", Image: image}}},
	}
}

// show goes through the main job and fails if any of it does not hold.
func (d *demo) show(ctx context.Context) error {
	d.say("pushing %s to the registry", image)
	digest, err := d.stack.Cloud.Push(ctx, image)
	if err != nil {
		return fmt.Errorf("push image: %w", err)
	}
	d.say("creating namespace %s, and in it a pod with an image name and nothing else", namespace)
	if err := d.stack.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return err
	}
	first, pod, err := d.create(ctx, "hello")
	if err != nil {
		return err
	}
	second, _, err := d.create(ctx, "again")
	if err != nil {
		return err
	}
	if err := d.showPod(pod); err != nil {
		return err
	}
	secret, err := d.showSecret(ctx)
	if err != nil {
		return err
	}
	if err := d.showPulls(ctx, pod.Spec.Containers[0].Image, secret, digest); err != nil {
		return err
	}
	return d.showTimes(ctx, first, second)
}

// create creates a pod and reports how long the API server took.
func (d *demo) create(ctx context.Context, name string) (time.Duration, *corev1.Pod, error) {
	pod := written(name)
	start := time.Now()
	err := d.stack.Client.Create(ctx, pod)
	return time.Since(start), pod, err
}

// showPod prints what became of the pod, and checks it.
func (d *demo) showPod(pod *corev1.Pod) error {
	d.title("The pod: as it was written, and as the API server holds it")
	before, err := essence(written(pod.Name))
	if err != nil {
		return err
	}
	after, err := essence(pod)
	if err != nil {
		return err
	}
	diff, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(before), B: difflib.SplitLines(after), FromFile: "written", ToFile: "created", Context: 20,
	})
	if err != nil {
		return err
	}
	d.print("%s", strings.TrimRight(diff, "\n"))
	if got := pod.Spec.Containers[0].Image; !strings.HasPrefix(got, stack.PrivateHost+"/") {
		return fmt.Errorf("the image is %s, not on the private host", got)
	}
	return nil
}

// essence is a pod without what every API server adds to every pod.
func essence(pod *corev1.Pod) (string, error) {
	short := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, Annotations: pod.Annotations},
		Spec:       corev1.PodSpec{ImagePullSecrets: pod.Spec.ImagePullSecrets},
	}
	for _, c := range pod.Spec.Containers {
		short.Spec.Containers = append(short.Spec.Containers, corev1.Container{Name: c.Name, Image: c.Image})
	}
	text, err := yaml.Marshal(short)
	return strings.NewReplacer("    resources: {}\n", "", "status: {}\n", "").Replace(string(text)), err
}

// showSecret prints the namespace's pull Secret without its passwords.
func (d *demo) showSecret(ctx context.Context) (*corev1.Secret, error) {
	d.title("Its pull secret, redacted")
	var secret corev1.Secret
	if err := d.stack.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "tcr-pull"}, &secret); err != nil {
		return nil, err
	}
	var logins struct {
		Auths map[string]map[string]string `json:"auths"`
	}
	if err := yaml.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &logins); err != nil {
		return nil, errors.New("the Secret holds no docker config")
	}
	for _, login := range logins.Auths {
		login["password"], login["auth"] = "[redacted]", "[redacted]"
	}
	text, err := yaml.Marshal(map[string]any{
		"type": secret.Type,
		"metadata": map[string]any{
			"name": secret.Name, "namespace": secret.Namespace, "labels": secret.Labels, "annotations": secret.Annotations,
		},
		corev1.DockerConfigJsonKey: logins,
	})
	d.print("%s", strings.TrimRight(string(text), "\n"))
	return &secret, err
}

// showPulls pulls the pod's image with the Secret and without.
func (d *demo) showPulls(ctx context.Context, image string, secret *corev1.Secret, pushed string) error {
	d.title("The pull, from a real registry")
	got, err := d.stack.Pull(ctx, image, secret)
	if err != nil {
		return fmt.Errorf("pull with the secret: %w", err)
	}
	if got != pushed {
		return fmt.Errorf("pulled %s, pushed %s", got, pushed)
	}
	d.print("with the secret:    %s\n                    %s", image, got)
	_, err = d.stack.Pull(ctx, image, nil)
	var refused *transport.Error
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusUnauthorized {
		return errors.Join(errors.New("the pull without the secret was not answered with 401"), err)
	}
	d.print("without the secret: %d %s", refused.StatusCode, http.StatusText(refused.StatusCode))
	return nil
}

// showTimes prints how long admission took, as the caller and as we see it.
func (d *demo) showTimes(ctx context.Context, first, second time.Duration) error {
	d.title("How long it took")
	d.print("first pod of the namespace, which waited for its secret to be written: %5.1f ms in all", milliseconds(first))
	d.print("second pod of the namespace:                                          %5.1f ms in all", milliseconds(second))
	calls := len(d.stack.Cloud.Calls("CreateInstanceToken"))
	for i, replica := range d.stack.Servers {
		metrics, err := replica.Scrape(ctx)
		if err != nil {
			return err
		}
		for line := range strings.Lines(metrics) {
			if strings.HasPrefix(line, "tcr_webhook_admission_duration_seconds_sum") || strings.HasPrefix(line, "tcr_webhook_admission_duration_seconds_count") {
				d.print("replica %d: %s", i+1, strings.TrimSpace(line))
			}
		}
	}
	d.print("calls of CreateInstanceToken: %d", calls)
	d.print("")
	d.say("done")
	return nil
}

func milliseconds(t time.Duration) float64 { return float64(t.Microseconds()) / 1000 }

func trim(b []byte) []byte { return bytes.TrimRight(b, "\n") }
