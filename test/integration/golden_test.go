package integration

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// goldenConfig is the state that the golden pods of package webhook are
// decided by, as a configuration.
const goldenConfig = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud:
  region: ap-guangzhou
  identity: SecretKey
  endpoint: ENDPOINT
registries:
- {instance: tcr-demo0001, route: Private, hosts: {public: demo.tencentcloudcr.com, private: demo-vpc.tencentcloudcr.com, custom: [r.example.com]}}
- {instance: tcr-open0002, route: Public, hosts: {public: open.tencentcloudcr.com, private: open-vpc.tencentcloudcr.com}}
- {instance: tcr-xvpc0003, route: Private, hosts: {public: x-vpc.tencentcloudcr.com, private: x-vpc-vpc.tencentcloudcr.com}}
- {instance: tcr-team0004, route: Private, hosts: {public: team.tencentcloudcr.com, private: team-vpc.tencentcloudcr.com}, namespaces: ["team-*"]}
# The private host of tcr-nopv0005 is the public one of another instance, and so not known.
- {instance: tcr-nopv0005, route: Private, hosts: {public: nopv.tencentcloudcr.com, private: nopv-vpc.tencentcloudcr.com}}
- {instance: tcr-nvpc0007, route: Public, hosts: {public: nopv-vpc.tencentcloudcr.com}, namespaces: [nobody]}
- {instance: tcr-gold0006, route: Private, hosts: {public: gold.tencentcloudcr.com, private: gold-vpc.tencentcloudcr.com}, namespaceSelector: {matchLabels: {tier: gold}}}
rewrite:
  skipOwners: [postgresql.cnpg.io/Cluster]
`

func addGoldenInstances(cloud *tencent.Cloud) {
	cloud.RemoveInstance(stack.InstanceID) // it has the name demo
	for id, name := range map[string]string{
		"tcr-demo0001": "demo", "tcr-open0002": "open", "tcr-xvpc0003": "x-vpc",
		"tcr-team0004": "team", "tcr-nopv0005": "nopv", "tcr-gold0006": "gold", "tcr-nvpc0007": "another",
	} {
		cloud.AddInstance(tencent.Instance{ID: id, Name: name})
	}
}

// refused are the golden pods that the API server does not store, each with
// what it says. The pure function decides them all the same: a webhook is
// asked before an object is validated.
var refused = map[string]string{
	"ephemeral-container-in-a-new-pod": "cannot be set on create",
	"image-volumes-that-name-nothing":  "spec.volumes[0].image.reference: Required value",
	"items-that-are-null":              "name: Required value",
	"mirror-pod":                       "must set spec.nodeName",
	"names-that-a-pointer-escapes":     "metadata.annotations: Invalid value",
	"namespace-of-the-request":         "does not match the namespace",
	"nothing-of-ours":                  "image: Required value",
	"nothing-to-run":                   "spec.containers: Required value",
	"update-of-an-image-volume":        "pod updates may not change fields other than",
	"update-reorders-containers":       "pod updates may not change fields other than",
}

// unasked are the golden pods that say nothing here: the webhook never hears of
// them, or not in that state.
var unasked = map[string]string{
	"created-while-deleting": "the API server wipes the time before it asks",
	"delete":                 "no registration names the operation",
	"no-private-route":       "what is observed of routes is not in a configuration; TestMistakesAboutRoutesAreSaid has it",
}

// unwarned are the golden pods that the API server stores without asking us,
// so that nobody gets the warning which we would have for them.
var unwarned = map[string]string{
	"other-port-alone": "the registration's condition names port 443 alone",
}

// TestGoldenPodsOnARealAPIServer lets the API server store the golden pods of
// package webhook twice: as they are written, through the webhook, and as the
// pure function has them in the end, in a namespace without a webhook. Both
// must be the same pod, warnings included, and a second round must be empty.
func TestGoldenPodsOnARealAPIServer(t *testing.T) {
	t.Parallel()
	cases := readGoldens(t)
	customDomain := chart.Values{"hosts": []any{"r.example.com"}}
	s := start(t, stack.Options{Config: goldenConfig, Values: customDomain, Prepare: addGoldenInstances})
	h := &goldenHarness{author: newAuthor(t, s), namespaces: map[string]string{}}
	registerEveryPod(t, s)
	h.prepare(t, cases)

	stored, skipped := 0, 0
	for _, c := range cases { //nolint:paralleltest // the warnings of one client cannot be told apart
		t.Run(c.name, func(t *testing.T) {
			if reason := unasked[c.name]; reason != "" {
				skipped++
				t.Skip(reason)
			}
			if message, ok := refused[c.name]; ok {
				_, err := h.submit(t, c, h.namespaceOf(c), c.Object)
				require.ErrorContains(t, err, message)
				return
			}
			h.compare(t, c)
			stored++
		})
	}
	t.Logf("%d golden pods: %d stored, %d refused by the API server, %d left to the pure function", len(cases), stored, len(refused), skipped)
	assert.Equal(t, len(cases), stored+len(refused)+skipped, "an entry of refused has no golden pod, or a pod failed")
	assert.GreaterOrEqual(t, stored, 60)

	t.Run("a time of deletion cannot be brought", h.testDeletionTime)        //nolint:paralleltest // as above
	t.Run("annotations fill the limit of Kubernetes", h.testAnnotationLimit) //nolint:paralleltest // as above
}

// golden is one golden pod, input and output.
type golden struct {
	name string

	Namespace       string            `json:"namespace"`
	NamespaceLabels map[string]string `json:"namespaceLabels"`
	Operation       string            `json:"operation"`
	SubResource     string            `json:"subResource"`
	Object          map[string]any    `json:"object"`
	OldObject       map[string]any    `json:"oldObject"`

	ServiceAccountAnnotations map[string]string `json:"serviceAccountAnnotations"`
	EveryPod                  bool              `json:"everyPod"`

	want struct {
		Warnings []string       `json:"warnings"`
		Object   map[string]any `json:"object"`
	}
}

func readGoldens(t *testing.T) (cases []golden) {
	t.Helper()
	inputs, err := filepath.Glob("../../webhook/testdata/*/*.in.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, inputs)
	for _, in := range inputs {
		c := golden{name: strings.TrimSuffix(filepath.Base(in), ".in.yaml"), Namespace: "team-a", Operation: "CREATE"}
		text, err := os.ReadFile(in)
		require.NoError(t, err)
		require.NoError(t, yaml.UnmarshalStrict(text, &c), "%s: a field that this test does not know", in)
		text, err = os.ReadFile(strings.Replace(in, ".in.", ".want.", 1))
		require.NoError(t, err)
		require.NoError(t, yaml.Unmarshal(text, &c.want))
		cases = append(cases, c)
	}
	return cases
}

// registerEveryPod has the webhook asked about every pod, in some namespaces.
func registerEveryPod(t *testing.T, s *stack.Stack) {
	t.Helper()
	require.NoError(t, s.Register(t.Context(), chart.Values{"inject": "Always"}))
	var c admissionregistrationv1.MutatingWebhookConfiguration
	require.NoError(t, s.Client.Get(t.Context(), client.ObjectKey{Name: "zz-tcr-webhook"}, &c))
	i := slices.IndexFunc(c.Webhooks, func(w admissionregistrationv1.MutatingWebhook) bool { return w.Name == "every-pod.tcr-webhook.io" })
	require.NotEqual(t, -1, i)
	selector := c.Webhooks[i].NamespaceSelector
	selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{Key: everyPod, Operator: metav1.LabelSelectorOpExists})
	require.NoError(t, s.Client.Update(t.Context(), &c))
}

// everyPod labels a namespace of which every pod is asked about.
const everyPod = "golden.example.com/every-pod"

// plain is a namespace without a webhook.
const plain = "plain"

var optedOut = map[string]string{"tcr-webhook.io/inject": "disabled"}

type goldenHarness struct {
	*author
	namespaces map[string]string // by case
}

// prepare makes a namespace for each kind that the cases want, and the pods
// that they change, and lets the webhook in only then.
func (h *goldenHarness) prepare(t *testing.T, cases []golden) {
	t.Helper()
	h.createNamespace(t, plain, optedOut)
	wanted := map[string]golden{} // any case, by the name of its namespace
	for _, c := range cases {
		name := c.Namespace
		if c.special() {
			name += "-for-" + c.name
		}
		h.namespaces[c.name] = name
		if _, again := wanted[name]; again {
			continue
		}
		wanted[name] = c
		labels := maps.Clone(c.NamespaceLabels)
		if labels == nil {
			labels = map[string]string{}
		}
		maps.Copy(labels, optedOut)
		h.createNamespace(t, name, labels)
		h.createServiceAccount(t, c, name)
	}
	for _, c := range cases {
		if c.Operation == "UPDATE" && unasked[c.name] == "" {
			h.createOld(t, c, h.namespaceOf(c))
			h.createOld(t, c, plain)
		}
	}
	for name, c := range wanted {
		h.letIn(t, c, name)
	}
	h.taken()
}

// special tells whether the case needs a namespace of its own.
func (c golden) special() bool {
	return len(c.NamespaceLabels)+len(c.ServiceAccountAnnotations) > 0 || c.EveryPod
}

func (h *goldenHarness) createServiceAccount(t *testing.T, c golden, namespace string) {
	t.Helper()
	if len(c.ServiceAccountAnnotations) == 0 {
		return
	}
	name, _, _ := unstructured.NestedString(c.Object, "spec", "serviceAccountName")
	if name == "" {
		name = "default"
	}
	require.NoError(t, h.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, Annotations: c.ServiceAccountAnnotations,
	}}))
}

func (h *goldenHarness) createNamespace(t *testing.T, name string, labels map[string]string) {
	t.Helper()
	require.NoError(t, h.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}))
}

// letIn gives a namespace the labels it is to have and waits until its pods
// are changed, whatever host they name, and its Secret is there.
func (h *goldenHarness) letIn(t *testing.T, c golden, name string) {
	t.Helper()
	var ns corev1.Namespace
	require.NoError(t, h.Get(t.Context(), client.ObjectKey{Name: name}, &ns))
	delete(ns.Labels, "tcr-webhook.io/inject")
	maps.Copy(ns.Labels, c.NamespaceLabels)
	if c.EveryPod {
		ns.Labels[everyPod] = ""
	}
	require.NoError(t, h.Update(t.Context(), &ns))
	if ns.Labels["tcr-webhook.io/inject"] == "disabled" {
		return
	}
	probes := []string{"r.example.com/team/app:1"}
	if c.EveryPod {
		probes = append(probes, "nginx")
	}
	for _, image := range probes {
		eventually(t, "namespace "+name+" to be served", func() bool {
			h.taken()
			pod := newPod(name, "", image)
			pod.GenerateName = "probe-"
			pod.Spec.ServiceAccountName = "probe"
			require.NoError(t, h.Create(t.Context(), pod))
			return len(pod.Spec.ImagePullSecrets) > 0 && h.taken() == ""
		})
	}
}

func (h *goldenHarness) namespaceOf(c golden) string { return h.namespaces[c.name] }

// createOld makes the pod that a case changes, as it was.
func (h *goldenHarness) createOld(t *testing.T, c golden, namespace string) {
	t.Helper()
	old := c.pod(namespace, c.OldObject)
	unstructured.RemoveNestedField(old.Object, "spec", "ephemeralContainers")
	unstructured.RemoveNestedField(old.Object, "metadata", "deletionTimestamp")
	require.NoError(t, h.Create(t.Context(), old), c.name)
	if _, debugged, _ := unstructured.NestedSlice(c.OldObject, "spec", "ephemeralContainers"); debugged {
		require.NoError(t, h.SubResource("ephemeralcontainers").Update(t.Context(), c.pod(namespace, c.OldObject)), c.name)
	}
	if c.deleting() {
		require.NoError(t, h.Delete(t.Context(), old), c.name)
	}
}

func (c golden) deleting() bool {
	_, deleting, _ := unstructured.NestedString(c.OldObject, "metadata", "deletionTimestamp")
	return deleting
}

// pod is object as a pod of namespace with a name of its own.
func (c golden) pod(namespace string, object map[string]any) *unstructured.Unstructured {
	u := (&unstructured.Unstructured{Object: object}).DeepCopy()
	u.SetAPIVersion("v1")
	u.SetKind("Pod")
	if ns := u.GetNamespace(); ns == "" || ns == c.Namespace {
		u.SetNamespace(namespace)
	}
	if u.GetGenerateName() == "" {
		u.SetName(c.name)
	}
	return u
}

// submit does with object in namespace what the case does, and returns what
// the API server made of it.
func (h *goldenHarness) submit(t *testing.T, c golden, namespace string, object map[string]any) (*unstructured.Unstructured, error) {
	t.Helper()
	pod := c.pod(namespace, object)
	var err error
	switch {
	case c.Operation == "CREATE" && pod.GetNamespace() != namespace:
		err = client.NewNamespacedClient(h.Client, namespace).Create(t.Context(), pod)
	case c.Operation == "CREATE":
		err = h.Create(t.Context(), pod)
	case c.SubResource != "":
		err = h.SubResource(c.SubResource).Update(t.Context(), pod)
	default:
		err = h.Update(t.Context(), pod)
	}
	return pod, err
}

// compare submits the pod as it is written and as the pure function has it.
func (h *goldenHarness) compare(t *testing.T, c golden) {
	t.Helper()
	want, err := h.submit(t, c, plain, c.want.Object)
	require.NoError(t, err)
	h.taken()
	namespace := h.namespaceOf(c)
	got, err := h.submit(t, c, namespace, c.Object)
	require.NoError(t, err)
	warnings := ours(h.taken(), namespace, c.Namespace)
	if diff := cmp.Diff(withoutIdentity(want), withoutIdentity(got)); diff != "" {
		t.Errorf("the pod through the API server (-want +got):\n%s", diff)
	}
	if unwarned[c.name] != "" {
		assert.Empty(t, warnings)
	} else {
		assert.ElementsMatch(t, c.want.Warnings, warnings)
	}
	h.again(t, c, got)
}

// again does the same once more: a new pod like the stored one is stored as it
// is, and a repeated update writes nothing.
func (h *goldenHarness) again(t *testing.T, c golden, stored *unstructured.Unstructured) {
	t.Helper()
	switch {
	case c.deleting():
	case c.Operation == "CREATE":
		twin := &unstructured.Unstructured{Object: withoutIdentity(stored)}
		twin.SetNamespace(stored.GetNamespace())
		twin.SetGenerateName("again-")
		require.NoError(t, h.Create(t.Context(), twin, client.DryRunAll))
		if diff := cmp.Diff(withoutIdentity(stored), withoutIdentity(twin)); diff != "" {
			t.Errorf("the second round (-want +got):\n%s", diff)
		}
	default:
		repeated, err := h.submit(t, c, h.namespaceOf(c), c.Object)
		require.NoError(t, err)
		assert.Equal(t, stored.GetResourceVersion(), repeated.GetResourceVersion(), "the same update writes something again")
	}
}

// ours are the warnings of this project in a text of many. They may name the
// namespace, which is said as want.
func ours(text, namespace, want string) (list []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "tcr-webhook: ") {
			list = append(list, strings.ReplaceAll(line, `"`+namespace+`"`, `"`+want+`"`))
		}
	}
	return list
}

// withoutIdentity is a stored pod without what no two pods share.
func withoutIdentity(u *unstructured.Unstructured) map[string]any {
	pod := u.DeepCopy().Object
	for _, field := range []string{"name", "generateName", "namespace", "uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "deletionTimestamp"} {
		unstructured.RemoveNestedField(pod, "metadata", field)
	}
	delete(pod, "status")
	return pod
}

// A pod copied from one that was being deleted must not slip past us.
func (h *goldenHarness) testDeletionTime(t *testing.T) {
	pod := newPod("team-a", "copied-while-deleting", publicImage)
	now := metav1.Now()
	pod.DeletionTimestamp = &now
	require.NoError(t, h.Create(t.Context(), pod))
	assert.Equal(t, []string{privateImage}, images(pod))
	assert.Nil(t, pod.DeletionTimestamp)
}

// The pod that a note of ours fits into by the byte is stored with it, and one
// byte more is stored without: the API server counts as we do.
func (h *goldenHarness) testAnnotationLimit(t *testing.T) {
	const (
		limit  = 256 << 10
		filler = "example.com/filler"
		ours   = "tcr-webhook.io/original-images"
	)
	note := `{"containers/c0":"` + publicImage + `"}`
	for name, room := range map[string]int{"annotations-that-leave-room": 0, "annotations-that-leave-none": 1} {
		pod := newPod("team-a", name, publicImage)
		pod.Annotations = map[string]string{filler: strings.Repeat("é", 100)}
		pod.Annotations[filler] += strings.Repeat("x", limit-len(filler)-200-len(ours)-len(note)+room)
		require.NoError(t, h.Create(t.Context(), pod), name)
		assert.Equal(t, []string{privateImage}, images(pod), name)
		if room == 0 {
			assert.Equal(t, note, pod.Annotations[ours], name)
		} else {
			assert.NotContains(t, pod.Annotations, ours, name)
		}
	}
	pod := newPod("team-a", "annotations-beyond-the-limit", publicImage)
	pod.Annotations = map[string]string{filler: strings.Repeat("x", limit-len(filler)+1)}
	require.ErrorContains(t, h.Create(t.Context(), pod), "metadata.annotations: Too long")
}
