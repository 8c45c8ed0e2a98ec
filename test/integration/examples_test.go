package integration

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// examplesConfig is what the comments of the examples ask for.
const examplesConfig = stack.DefaultConfig + "pullSecret: {serviceAccounts: OnRequest}\n"

// outcome is what the cluster runs of one example.
type outcome struct {
	Images  []string
	Secrets []string
}

// Every manifest in deploy/examples does what its comment says. Nothing makes
// pods of workloads here: each template is created as the pod that it is for.
func TestExamples(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Config: examplesConfig, Values: chart.Values{
		"config": chart.Values{"pullSecret": chart.Values{"serviceAccounts": "OnRequest"}},
	}})
	a := newAuthor(t, s)
	const (
		private = "demo-vpc.tencentcloudcr.com/team/hello:1"
		digest  = "demo-vpc.tencentcloudcr.com/team/hello@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	)
	ours := []string{"tcr-pull"}
	want := map[string]outcome{
		"web":            {[]string{private}, ours},
		"store":          {[]string{private, private, digest, "docker.io/library/redis:8", "demo-vpc.tencentcloudcr.com/team/data:1"}, ours},
		"report":         {[]string{private}, ours},
		"two-registries": {[]string{private, "registry.example.com/partner/app:1"}, []string{"partner", "tcr-pull"}},
		"as-written":     {[]string{"demo.tencentcloudcr.com/team/hello:1"}, nil},
	}
	got := map[string]outcome{}
	for _, file := range exampleFiles(t) {
		for _, u := range documents(t, file) {
			require.NoError(t, a.Create(t.Context(), u), "%s: %s", file, u.GetName())
			if pod := podOf(t, u); pod != nil {
				if u.GetKind() != "Pod" {
					require.NoError(t, a.Create(t.Context(), pod), "%s: a pod of %s", file, u.GetName())
				}
				require.NoError(t, a.Get(t.Context(), client.ObjectKeyFromObject(pod), pod))
				got[u.GetName()] = outcomeOf(pod)
			}
		}
	}
	assert.Empty(t, cmp.Diff(want, got))
	assert.Empty(t, a.taken(), "an example is warned of")
	for _, namespace := range []string{"shop", "builds"} {
		eventually(t, "Secret in "+namespace, func() bool { return a.secret(t, namespace) != nil })
	}
	eventually(t, "the name in the ServiceAccount", func() bool {
		var account corev1.ServiceAccount
		err := a.Get(t.Context(), client.ObjectKey{Namespace: "builds", Name: "pipeline"}, &account)
		return err == nil && slices.Equal(account.ImagePullSecrets, pullSecrets)
	})
}

// exampleFiles has the one with the namespace of the others first.
func exampleFiles(t *testing.T) []string {
	t.Helper()
	dir := filepath.Join("..", "..", "deploy", "examples")
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	require.NoError(t, err)
	first := filepath.Join(dir, "app.yaml")
	require.Contains(t, files, first)
	return append([]string{first}, slices.DeleteFunc(files, func(f string) bool { return f == first })...)
}

func documents(t *testing.T, file string) (all []*unstructured.Unstructured) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		u := &unstructured.Unstructured{}
		err := decoder.Decode(u)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err, file)
		all = append(all, u)
	}
}

// podOf is the pod that an object is, or makes; nil for others.
func podOf(t *testing.T, u *unstructured.Unstructured) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if u.GetKind() == "Pod" {
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, pod))
		return pod
	}
	for _, path := range [][]string{{"spec", "template"}, {"spec", "jobTemplate", "spec", "template"}} {
		template, found, err := unstructured.NestedMap(u.Object, path...)
		require.NoError(t, err)
		if found {
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(template, pod))
			pod.ObjectMeta = metav1.ObjectMeta{Namespace: u.GetNamespace(), Name: u.GetName() + "-0", Labels: pod.Labels}
			return pod
		}
	}
	return nil
}

func outcomeOf(pod *corev1.Pod) (o outcome) {
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		o.Images = append(o.Images, c.Image)
	}
	for _, v := range pod.Spec.Volumes {
		if v.Image != nil {
			o.Images = append(o.Images, v.Image.Reference)
		}
	}
	for _, s := range pod.Spec.ImagePullSecrets {
		o.Secrets = append(o.Secrets, s.Name)
	}
	return o
}
