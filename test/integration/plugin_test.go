package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// pluginConfig is in force, and is what the plugin reads of it. The hosts of the
// instance are left out, so that it has to ask.
const pluginConfig = stack.DefaultConfig + `pullSecret: {serviceAccounts: OnRequest}
rewrite: {skipOwners: [apps/StatefulSet]}
policy:
  rules:
  - {name: try, allow: [tcr-m3ut3qxx, registry.example.com], action: Warn}
  - {name: hard, namespaces: [strict], allow: [tcr-m3ut3qxx], action: Enforce}
`

// plugin is kubectl-tcr, for one system.
type plugin struct {
	binary, kubeconfig string
}

// ended is how a run of it ended.
type ended struct {
	code           int
	stdout, stderr string
}

// newPlugin builds the plugin, and leaves the configuration where it looks.
func newPlugin(t *testing.T, s *stack.Stack, config string) *plugin {
	t.Helper()
	p := &plugin{filepath.Join(t.TempDir(), "kubectl-tcr"), filepath.Join(t.TempDir(), "kubeconfig")}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", p.binary, "github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, cluster.WriteKubeconfig(p.kubeconfig, s.Cluster.Config()))
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: stack.Namespace, Name: "tcr-webhook-config"}}
	_ = s.Client.Delete(t.Context(), cm.DeepCopy()) // the chart's, if it has one
	cm.Data = map[string]string{"config.yaml": strings.NewReplacer("ENDPOINT", s.Cloud.Endpoint(), "STSURL", s.Cloud.STSURL()).Replace(config)}
	require.NoError(t, s.Client.Create(t.Context(), cm))
	return p
}

func (p *plugin) run(t *testing.T, args ...string) ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, p.binary, append(args, "--kubeconfig", p.kubeconfig)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return ended{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// explained is what is read of an explanation.
type explained struct {
	Name, Namespace, Kind string
	Denied                bool
	Skipped               string
	Warnings              []string
	Policy                []struct{ Site, Action, Text string }
}

// spoken is what whoever creates the pod hears, by this explanation.
func (e explained) spoken() (all []string) {
	all = append(all, e.Warnings...)
	for _, o := range e.Policy {
		if o.Action == "Warn" {
			all = append(all, cut("tcr-webhook: "+o.Site+": "+o.Text))
		}
	}
	return all
}

// cut is a warning as it is sent.
func cut(text string) string {
	if runes := []rune(text); len(runes) > 256 {
		return string(runes[:255]) + "…"
	}
	return text
}

// moreWorkloads are of the kinds that no example is of.
const moreWorkloads = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: each, namespace: shop}
spec: {template: {spec: {containers: [{name: a, image: "DEMO.tencentcloudcr.com:443/team/app:1"}]}}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: rs, namespace: shop}
spec: {template: {metadata: {annotations: {a: b}}, spec: {imagePullSecrets: [{name: x}], containers: [{name: a, image: demo.tencentcloudcr.com/app}, {name: b, image: other.tencentcloudcr.com/app}]}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once, namespace: strict}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: nginx}]}}}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ReplicationController
  metadata: {name: rc, namespace: no-tcr}
  spec: {template: {spec: {containers: [{name: a, image: demo.tencentcloudcr.com/app}]}}}
- apiVersion: v1
  kind: PodTemplate
  metadata: {name: pt, namespace: shop}
  template: {metadata: {labels: {tcr-webhook.io/inject: disabled}}, spec: {containers: [{name: a, image: demo.tencentcloudcr.com/app}]}}
- apiVersion: apps/v1
  kind: StatefulSet
  metadata: {name: compares, namespace: shop}
  spec: {template: {spec: {containers: [{name: a, image: demo.tencentcloudcr.com/app}]}}}
`

// accounts are ServiceAccounts whose pull secrets the API server gives to pods.
const accounts = `apiVersion: v1
kind: ServiceAccount
metadata: {name: builder, namespace: shop}
imagePullSecrets: [{name: builder-login}, {name: another}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: asked, namespace: shop}
imagePullSecrets: [{name: tcr-pull}]
`

const podsOfAccounts = `apiVersion: v1
kind: Pod
metadata: {name: copied, namespace: shop}
spec: {serviceAccountName: builder, containers: [{name: a, image: demo.tencentcloudcr.com/app}]}
---
apiVersion: v1
kind: Pod
metadata: {name: own, namespace: shop}
spec: {serviceAccountName: builder, imagePullSecrets: [{name: mine}], containers: [{name: a, image: demo.tencentcloudcr.com/app}]}
---
apiVersion: v1
kind: Pod
metadata: {name: none-of-ours, namespace: shop}
spec: {serviceAccountName: builder, containers: [{name: a, image: registry.example.com/app}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: asked, namespace: shop}
spec: {template: {spec: {serviceAccountName: asked, containers: [{name: a, image: demo.tencentcloudcr.com/app}]}}}
`

// TestThePluginAgreesWithTheWebhook has the API server create the pods that the
// examples and some others make, and compares with what explain says of them.
func TestThePluginAgreesWithTheWebhook(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Config: pluginConfig, Accounts: true, Values: chart.Values{
		"config":             chart.Values{"pullSecret": chart.Values{"serviceAccounts": "OnRequest"}},
		"policyRegistration": "Fail",
	}})
	p := newPlugin(t, s, pluginConfig)
	a := newAuthor(t, s)
	for _, name := range []string{"strict", "no-tcr"} {
		a.namespace(t, name)
	}
	eventually(t, "the status to have the instance's hosts", func() bool {
		var cm corev1.ConfigMap
		err := s.Client.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook-status"}, &cm)
		return err == nil && strings.Contains(cm.Data["status.yaml"], stack.PrivateHost)
	})
	files, err := filepath.Glob("../../deploy/examples/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	more := filepath.Join(t.TempDir(), "more.yaml")
	require.NoError(t, os.WriteFile(more, []byte(moreWorkloads), 0o600))
	of, pulled := filepath.Join(t.TempDir(), "accounts.yaml"), filepath.Join(t.TempDir(), "pods.yaml")
	require.NoError(t, os.WriteFile(of, []byte(accounts), 0o600))
	require.NoError(t, os.WriteFile(pulled, []byte(podsOfAccounts), 0o600))
	pods := 0
	for _, file := range append(files, more, of, pulled) {
		objects := readManifest(t, file)
		for _, o := range objects {
			if o.GetKind() == "Namespace" || o.GetKind() == "ServiceAccount" {
				require.NoError(t, client.IgnoreAlreadyExists(s.Client.Create(t.Context(), o.DeepCopy())))
			}
		}
		for _, o := range objects {
			if pod := makes(o); pod != nil {
				account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: pod.GetNamespace(), Name: accountOf(pod)}}
				require.NoError(t, client.IgnoreAlreadyExists(s.Client.Create(t.Context(), account)))
			}
		}
		pods += agreeOn(t, p, a, file, objects)
	}
	t.Logf("%d pods", pods)
	assert.GreaterOrEqual(t, pods, 15)

	live := p.run(t, "explain", "-f", "../../deploy/examples/app.yaml")
	assert.Contains(t, live.stdout, "by ConfigMap tcr-webhook/tcr-webhook-config")
	assert.Contains(t, live.stdout, "token valid until")
	assertNoSecret(t, s, "explain", live.stdout)
	assert.Contains(t, p.run(t, "explain", "-f", pulled).stdout, "[builder-login, another]: copied from the ServiceAccount")

	// A server that is too far away is told of, once.
	var d appsv1.Deployment
	require.NoError(t, s.Client.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook"}, &d))
	d.Labels["app.kubernetes.io/version"] = "0.9.1"
	require.NoError(t, s.Client.Update(t.Context(), &d))
	for _, args := range [][]string{{"explain", "-f", pulled}, {"status"}, {"doctor"}, {"lint"}, {"audit"}} {
		got := p.run(t, args...)
		assert.Equal(t, 1, strings.Count(got.stderr, "server 0.9: the server is newer"), "%s: %s", args[0], got.stderr)
		assert.NotContains(t, got.stdout, "the server is newer", args[0])
	}
	for _, tt := range [][]string{{"audit", "-n", "", "strict"}, {"audit", "--rule", "", "hard"}, {"doctor", "--ignore", "", "TCR304"}, {"status", "-o", "", "short"}} {
		cmd := exec.CommandContext(t.Context(), p.binary, append([]string{"__complete"}, tt[:3]...)...)
		cmd.Env = append(os.Environ(), "KUBECONFIG="+p.kubeconfig)
		out, err := cmd.Output()
		require.NoError(t, err)
		assert.Contains(t, string(out), tt[3]+"\n", "%v", tt)
	}
}

func readManifest(t *testing.T, file string) (objects []*unstructured.Unstructured) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	decoder := kyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var u unstructured.Unstructured
		if decoder.Decode(&u) != nil {
			return objects
		}
		if u.IsList() {
			require.NoError(t, u.EachListItem(func(o runtime.Object) error { objects = append(objects, o.(*unstructured.Unstructured)); return nil }))
		} else if u.GetKind() != "" {
			objects = append(objects, &u)
		}
	}
}

// makes is the pod that a manifest is, or makes; nil for none.
func makes(o *unstructured.Unstructured) *unstructured.Unstructured {
	path := map[string][]string{
		"Deployment": {"spec", "template"}, "StatefulSet": {"spec", "template"}, "DaemonSet": {"spec", "template"}, "ReplicaSet": {"spec", "template"},
		"Job": {"spec", "template"}, "ReplicationController": {"spec", "template"}, "CronJob": {"spec", "jobTemplate", "spec", "template"}, "PodTemplate": {"template"},
	}[o.GetKind()]
	if o.GetKind() == "Pod" {
		return o.DeepCopy()
	}
	template, found, _ := unstructured.NestedMap(o.Object, path...)
	if path == nil || !found {
		return nil
	}
	pod := &unstructured.Unstructured{Object: template}
	pod.SetAPIVersion("v1")
	pod.SetKind("Pod")
	pod.SetNamespace(o.GetNamespace())
	pod.SetGenerateName(o.GetName() + "-")
	if o.GetKind() == "StatefulSet" {
		pod.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: o.GetName(), UID: "1", Controller: new(true)}})
	}
	return pod
}

// accountOf is the name of a pod's ServiceAccount.
func accountOf(pod *unstructured.Unstructured) string {
	if name, _, _ := unstructured.NestedString(pod.Object, "spec", "serviceAccountName"); name != "" {
		return name
	}
	return "default"
}

// agreeOn compares for each pod of a file, and counts them.
func agreeOn(t *testing.T, p *plugin, a *author, file string, objects []*unstructured.Unstructured) int {
	t.Helper()
	got := p.run(t, "explain", "-f", file, "-o", "json")
	require.Contains(t, []int{0, 1}, got.code, got.stderr)
	var all struct{ Items []explained }
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &all))
	text := p.run(t, "explain", "-f", file, "-o", "yaml").stdout
	results := strings.Split(text, "\n---\n")
	n := 0
	for _, o := range objects {
		pod := makes(o)
		if pod == nil {
			continue
		}
		require.Greater(t, len(all.Items), n, "%s: %s", file, o.GetName())
		e, result := all.Items[n], &corev1.Pod{}
		require.NoError(t, yaml.Unmarshal([]byte(results[n]), result))
		n++
		require.Equal(t, o.GetName(), e.Name)
		where := fmt.Sprintf("%s %s of %s", o.GetKind(), o.GetName(), filepath.Base(file))
		a.taken()
		err := a.Create(t.Context(), pod, client.DryRunAll)
		if e.Denied {
			assert.ErrorContains(t, err, "denied the request", where)
			continue
		}
		require.NoError(t, err, where)
		var stored corev1.Pod
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(pod.Object, &stored))
		if diff := cmp.Diff(seenOf(&stored), seenOf(result)); diff != "" {
			t.Errorf("%s (-API server +explain):\n%s", where, diff)
		}
		said := strings.Join(e.spoken(), "\n")
		for _, line := range strings.Split(a.taken(), "\n") {
			if strings.HasPrefix(line, "tcr-webhook: ") && !strings.Contains(line, "Secret") { // whether it is written yet
				assert.Contains(t, said, line, where)
				said = strings.Replace(said, line, "", 1)
			}
		}
		assert.Empty(t, strings.TrimSpace(said), "%s: nobody was told", where)
	}
	assert.Len(t, all.Items, n, file)
	return n
}

// seenOf is what the webhook may change of a pod.
func seenOf(pod *corev1.Pod) map[string]any {
	seen := map[string]any{"pull secrets": pod.Spec.ImagePullSecrets, "annotations": pod.Annotations}
	for kind, list := range map[string][]corev1.Container{"init ": pod.Spec.InitContainers, "": pod.Spec.Containers} {
		for _, c := range list {
			seen[kind+c.Name] = c.Image
		}
	}
	for _, v := range pod.Spec.Volumes {
		if v.Image != nil {
			seen["volume "+v.Name] = v.Image.Reference
		}
	}
	return seen
}

// TestThePluginShowsTheStatus looks at a system that is well, that is broken, and
// that has stopped.
func TestThePluginShowsTheStatus(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	p := newPlugin(t, s, stack.DefaultConfig)
	pretendPods(t, s)

	well := p.run(t, "status", "--wait=50s")
	require.Equal(t, 0, well.code, "%s%s", well.stdout, well.stderr)
	assert.Contains(t, well.stdout, "2/2 ready, leader ")
	assert.Contains(t, well.stdout, "✔ admission     Fail-closed, 2 endpoints")
	assert.Regexp(t, stack.InstanceID+` +demo\[-vpc\]\.tencentcloudcr\.com +PrivateName +5.m +0/0 current +✔`, well.stdout)
	assert.Equal(t, ended{}, p.run(t, "status", "-o", "short"), "something is said where all is fine")

	var report struct {
		Kind     string
		Findings []struct{ Code, Severity string }
	}
	code := func() string {
		got := p.run(t, "status", "-o", "json")
		assertNoSecret(t, s, "status", got.stdout)
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &report))
		if len(report.Findings) == 0 {
			return fmt.Sprint(got.code)
		}
		return fmt.Sprint(got.code, " ", report.Findings[0].Code)
	}
	assert.Equal(t, "0", code())
	assert.Equal(t, "StatusReport", report.Kind)

	none := p.run(t, "status", "--install-namespace", "nowhere-at-all")
	assert.Equal(t, 1, none.code, "the registrations are there, and the rest is not: %s", none.stderr)
	assert.Contains(t, none.stdout, "there is no Deployment in namespace nowhere-at-all")
	p.cannotTell(t, s)

	require.NoError(t, s.Server.Stop()) // which lets go of the Lease
	assert.Equal(t, "1 TCR103", code())
	waited := p.run(t, "status", "--wait=2s")
	assert.Equal(t, 124, waited.code)
	assert.Contains(t, waited.stderr, "waiting: no replica has led since")
	require.NoError(t, s.Server.Restart(t.Context()))
	assert.Equal(t, 0, p.run(t, "status", "--wait=50s").code)
}

// cannotTell runs the commands where nothing can be found out.
func (p *plugin) cannotTell(t *testing.T, s *stack.Stack) {
	t.Helper()
	config, err := s.Cluster.UserConfig("nobody-special")
	require.NoError(t, err)
	nobody := &plugin{p.binary, filepath.Join(t.TempDir(), "kubeconfig")}
	require.NoError(t, cluster.WriteKubeconfig(nobody.kubeconfig, config))
	for _, args := range [][]string{{"status"}, {"doctor"}, {"audit"}, {"lint"}, {"explain", "-f", "../../deploy/examples/app.yaml"}, {"render", "policy"}} {
		for why, got := range map[string]ended{
			"does not answer":                      p.run(t, append(args, "--server", "https://127.0.0.1:1")...),
			"does not exist":                       p.run(t, append(args, "--context", "elsewhere")...),
			"you may look at nothing|is forbidden": nobody.run(t, args...),
		} {
			assert.Equal(t, 2, got.code, "%v: %s", args, got.stdout)
			assert.Regexp(t, why, got.stderr, args)
			assert.Equal(t, 1, strings.Count(got.stderr, "\n"), "%v: %s", args, got.stderr)
			assert.Empty(t, got.stdout, args)
		}
	}
	missing := p.run(t, "lint", "--install-config", "elsewhere")
	assert.Equal(t, 2, missing.code)
	assert.Contains(t, missing.stderr, "there is no ConfigMap tcr-webhook/elsewhere")
}

// pretendPods is what controllers would say of the Deployment's pods.
func pretendPods(t *testing.T, s *stack.Stack) {
	t.Helper()
	var d appsv1.Deployment
	require.NoError(t, s.Client.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook"}, &d))
	d.Status.Replicas, d.Status.ReadyReplicas = *d.Spec.Replicas, *d.Spec.Replicas
	require.NoError(t, s.Client.Status().Update(t.Context(), &d))
	require.NoError(t, s.Client.Create(t.Context(), &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: stack.Namespace, Name: "tcr-webhook-1", Labels: map[string]string{discoveryv1.LabelServiceName: "tcr-webhook"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}}, {Addresses: []string{"10.0.0.2"}}, {Addresses: []string{"10.0.0.3"}, Conditions: discoveryv1.EndpointConditions{Ready: new(false)}}},
	}))
}
