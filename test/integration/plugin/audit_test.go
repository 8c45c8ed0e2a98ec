package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
)

// ended is how a run of kubectl-tcr ended.
type ended struct {
	code           int
	stdout, stderr string
	took           time.Duration
	memory         int64 // at most, in bytes
}

// kubectlTCR runs the plugin against the shared cluster.
func kubectlTCR(t *testing.T, args ...string) ended {
	t.Helper()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, cluster.WriteKubeconfig(kubeconfig, shared.Config()))
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, append(args, "--kubeconfig", kubeconfig)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return ended{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), time.Since(begin), usage.Maxrss * 1024}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// installed is what an installation leaves for the plugin: its configuration,
// and the hosts that the API told it.
func installed(t *testing.T, c client.Client) {
	t.Helper()
	createNamespace(t, c, own)
	require.NoError(t, c.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: own, Name: "tcr-webhook-config"}, Data: map[string]string{"config.yaml": `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, vpc: vpc-abc123}
registries:
- instance: tcr-demo0001
policy:
  rules:
  - {name: in-force, namespaces: ["audit-*"], deny: [tcr-demo0001/secret/*], action: Warn}
`}}))
	require.NoError(t, c.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: own, Name: "tcr-webhook-status"}, Data: map[string]string{"status.yaml": `apiVersion: tcr-webhook.io/v1alpha1
kind: Status
instances:
- {instance: tcr-demo0001, hosts: [demo.tencentcloudcr.com, demo-vpc.tencentcloudcr.com, r.example.com]}
`}}))
}

// candidate is an allow-list that is tried.
const candidate = `policy:
  rules:
  - name: only-ours
    namespaces: ["audit-*", "!audit-free"]
    allow: [tcr-demo0001, registry.k8s.io]
    deny: [tcr-demo0001/attic/*]
    action: Enforce
  - {name: digests, namespaces: [audit-3], requireDigest: true}
`

// found is what is compared of a finding.
type found struct {
	Code     string
	Workload struct{ Namespace, Kind, Name string }
	Site     string
	Image    string
	Pods     int
	Rule     string
}

func newFound(code, namespace, kind, name, site, image string, pods int, rule string) found {
	f := found{Code: code, Site: site, Image: image, Pods: pods, Rule: rule}
	f.Workload.Namespace, f.Workload.Kind, f.Workload.Name = namespace, kind, name
	return f
}

// report is what audit prints as JSON.
type report struct {
	Kind     string
	Summary  struct{ Workloads, Refused, Open, Free, Pods int }
	Findings []found
}

func parseReport(t *testing.T, text string) (r report) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &r))
	assert.Equal(t, "AuditReport", r.Kind)
	return r
}

func TestAudit(t *testing.T) {
	t.Parallel()
	c := newClient(t, &warned{})
	installed(t, c)
	want, workloads, pods := populate(t, c)

	file := writeFile(t, "candidate.yaml", candidate)
	got := kubectlTCR(t, "audit", "--policy", file, "-o", "json")
	t.Logf("%d pods audited in %s with %d MiB", pods, got.took, got.memory>>20)
	require.Equal(t, 1, got.code, got.stderr)
	assert.Less(t, got.took, 20*time.Second) // on a machine of two cores that others use, too
	assert.Less(t, got.memory, int64(256<<20))
	r := parseReport(t, got.stdout)
	slices.SortFunc(want, func(a, b found) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	slices.SortFunc(r.Findings, func(a, b found) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	assert.Empty(t, cmp.Diff(want, r.Findings))
	refused := map[string]bool{}
	for _, f := range want {
		refused[fmt.Sprint(f.Workload)] = true
	}
	assert.Equal(t, len(refused), r.Summary.Refused)
	assert.GreaterOrEqual(t, r.Summary.Workloads, workloads)
	assert.GreaterOrEqual(t, r.Summary.Pods, pods)

	t.Run("formats", func(t *testing.T) {
		t.Parallel()
		table := kubectlTCR(t, "audit", "--policy", file)
		assert.Equal(t, 1, table.code)
		assert.Equal(t, len(want)+1, strings.Count(table.stdout, "\n"), "one line for each, and a head")
		assert.Regexp(t, `(?m)^audit-1 +deployment/web-1-0 +c0 +nginx:1 +40 +only-ours \(Enforce\) +✖ would be refused: not allowed \[TCR501\]$`, table.stdout)
		assert.Contains(t, table.stderr, fmt.Sprintf("✖ %d of ", r.Summary.Refused))
		short := kubectlTCR(t, "audit", "--policy", file, "-n", "audit-free", "-o", "short")
		assert.Equal(t, ended{took: short.took, memory: short.memory}, short, "nothing is said where all is fine")
		one := kubectlTCR(t, "audit", "--policy", file, "-n", "audit-3", "--rule", "digests", "-o", "yaml")
		assert.Equal(t, 1, one.code)
		assert.Contains(t, one.stdout, "rule: digests")
		assert.NotContains(t, one.stdout, "rule: only-ours")
		assert.NotContains(t, one.stdout, "namespace: audit-1")
	})
	t.Run("in force", func(t *testing.T) {
		t.Parallel()
		got := kubectlTCR(t, "audit", "-A")
		assert.Equal(t, 0, got.code, got.stdout)
		assert.Contains(t, got.stderr, "would be refused by ConfigMap tcr-webhook/tcr-webhook-config")
	})
	t.Run("mistakes", func(t *testing.T) {
		t.Parallel()
		for text, want := range map[string]string{
			"policy:\n  rules:\n  - {name: a, allow: [tcr-nobody01], action: Enforce}\n": "c.yaml:3:23: allow: instance tcr-nobody01 is none of registries",
			"rules:\n- {name: a, deny: [\"a*.io\"]}\n":                                   "c.yaml:2:20: deny: \"a*.io\" can match no image",
			"rules:\n- {name: a, dney: [a.io]}\n":                                        "c.yaml: ",
			"registries: []\n":                                                           "c.yaml",
		} {
			got := kubectlTCR(t, "audit", "--policy", writeFile(t, "c.yaml", text))
			assert.Equal(t, 2, got.code, "%s%s", got.stdout, got.stderr)
			assert.Contains(t, got.stderr, want)
		}
		for _, args := range [][]string{{"audit", "--rule", "none"}, {"audit", "-o", "xml"}, {"audit", "-A", "-n", "a"}, {"audit", "--config", "/nowhere"}, {"audit", "--install-namespace", "nowhere"}, {"nothing"}, {"render", "nothing"}, {"audit", "--server", "https://127.0.0.1:1"}, {"audit", "--as", "nobody"}} {
			got := kubectlTCR(t, args...)
			assert.Equal(t, 2, got.code, "%v: %s", args, got.stderr)
			assert.True(t, strings.HasPrefix(got.stderr, "kubectl tcr: "), "%v: %s", args, got.stderr)
		}
	})
	t.Run("reports", func(t *testing.T) {
		t.Parallel()
		auditWritesReports(t, c, file, want)
	})
}

func auditWritesReports(t *testing.T, c client.Client, file string, want []found) {
	t.Helper()
	none := kubectlTCR(t, "audit", "--policy", file, "--write-reports")
	assert.Equal(t, 2, none.code)
	assert.Contains(t, none.stderr, "the cluster has no PolicyReports (wgpolicyk8s.io/v1alpha2): install the CRDs")

	text, err := os.ReadFile(filepath.Join("testdata", "policyreports.yaml"))
	require.NoError(t, err)
	var crd unstructured.Unstructured
	require.NoError(t, yaml.Unmarshal(text, &crd.Object))
	require.NoError(t, c.Create(t.Context(), &crd))
	var got ended
	require.Eventually(t, func() bool {
		got = kubectlTCR(t, "audit", "--policy", file, "--write-reports", "-o", "policyreport")
		return got.code == 1
	}, 30*time.Second, 500*time.Millisecond)
	assert.Contains(t, got.stderr, "PolicyReports written, 0 removed")

	list := func() *unstructured.UnstructuredList {
		l := &unstructured.UnstructuredList{}
		l.SetAPIVersion("wgpolicyk8s.io/v1alpha2")
		l.SetKind("PolicyReportList")
		require.NoError(t, c.List(t.Context(), l, client.MatchingLabels{"app.kubernetes.io/managed-by": "kubectl-tcr"}))
		return l
	}
	results, printed := 0, map[string]map[string]any{}
	for document := range strings.SplitSeq(got.stdout, "---\n") {
		var u unstructured.Unstructured
		require.NoError(t, yaml.Unmarshal([]byte(document), &u.Object))
		printed[u.GetNamespace()] = u.Object
	}
	for _, u := range list().Items {
		all, _, err := unstructured.NestedSlice(u.Object, "results")
		require.NoError(t, err)
		results += len(all)
		live, err := json.Marshal(u.Object["results"])
		require.NoError(t, err)
		shown, err := json.Marshal(printed[u.GetNamespace()]["results"])
		require.NoError(t, err)
		assert.JSONEq(t, string(shown), string(live), "the CRD drops some of it")
	}
	assert.Equal(t, len(want), results)
	assert.Contains(t, got.stdout, "  result: fail\n")

	require.NoError(t, c.DeleteAllOf(t.Context(), &corev1.Pod{}, client.InNamespace("audit-gone"), client.GracePeriodSeconds(0)))
	before := len(list().Items)
	again := kubectlTCR(t, "audit", "--policy", file, "--write-reports")
	assert.Contains(t, again.stderr, "1 removed", "nothing runs there any more")
	assert.Len(t, list().Items, before-1)
}

// owned says that an object is controlled by another.
func owned(by client.Object, apiVersion, kind string) []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: by.GetName(), UID: by.GetUID(), Controller: new(true)}}
}

// populate fills namespaces with 2 000 pods of all kinds, and returns what the
// candidate has against them, how many workloads there are, and how many pods.
func populate(t *testing.T, c client.Client) (want []found, workloads, pods int) {
	t.Helper()
	var pending []*corev1.Pod
	add := func(n int, namespace string, owners []metav1.OwnerReference, image string) {
		for range n {
			pod := newPod(namespace, image)
			pod.OwnerReferences, pod.Labels = owners, map[string]string{"app": "web"}
			pending = append(pending, pod)
		}
	}
	produce := func(turn int, namespace, name, image string, owners []metav1.OwnerReference) client.Object {
		o := maker(turn, newPod(namespace, image))
		o.SetGenerateName("")
		o.SetName(name)
		o.SetOwnerReferences(owners)
		require.NoError(t, c.Create(t.Context(), o))
		return o
	}
	notAllowed := func(namespace, kind, name, image string, n int) {
		want = append(want, newFound("TCR501", namespace, kind, name, "containers/c0", image, n, "only-ours"))
	}
	digest := func(namespace, kind, name, image string, n int) {
		if namespace == "audit-3" {
			want = append(want, newFound("TCR503", namespace, kind, name, "containers/c0", image, n, "digests"))
		}
	}
	for i := range 10 {
		namespace := fmt.Sprintf("audit-%d", i)
		createNamespace(t, c, namespace)
		for j, image := range []string{"nginx:1", "registry.k8s.io/pause:3", "demo.tencentcloudcr.com/team/app:1", "demo.tencentcloudcr.com/attic/app:1"} {
			name := fmt.Sprintf("web-%d-%d", i, j)
			deployment := produce(0, namespace, name, image, nil)
			set := produce(3, namespace, name+"-5d4f", image, owned(deployment, "apps/v1", "Deployment"))
			runs := strings.Replace(image, "demo.", "demo-vpc.", 1) // as the webhook changes it
			add(40, namespace, owned(set, "apps/v1", "ReplicaSet"), runs)
			workloads++
			switch j {
			case 0:
				notAllowed(namespace, "Deployment", name, image, 40)
			case 3:
				want = append(want, newFound("TCR502", namespace, "Deployment", name, "containers/c0", image, 40, "only-ours"))
			}
			digest(namespace, "Deployment", name, image, 40)
		}
		cron := produce(6, namespace, "nightly", "quay.io/team/job:1", nil)
		job := produce(5, namespace, "nightly-1", "quay.io/team/job:1", owned(cron, "batch/v1", "CronJob"))
		add(20, namespace, owned(job, "batch/v1", "Job"), "quay.io/team/job:1")
		notAllowed(namespace, "CronJob", "nightly", "quay.io/team/job:1", 20)
		digest(namespace, "CronJob", "nightly", "quay.io/team/job:1", 20)
		set := produce(1, namespace, "db", "registry.k8s.io/etcd:3", nil)
		add(10, namespace, owned(set, "apps/v1", "StatefulSet"), "registry.k8s.io/etcd:3")
		digest(namespace, "StatefulSet", "db", "registry.k8s.io/etcd:3", 10)
		produce(2, namespace, "idle", "busybox", nil) // no pods, and yet
		notAllowed(namespace, "DaemonSet", "idle", "busybox", 0)
		digest(namespace, "DaemonSet", "idle", "busybox", 0)
		add(8, namespace, []metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: "Rollout", Name: "blue", UID: types.UID("blue-" + namespace), Controller: new(true)}}, "evil.io/a")
		notAllowed(namespace, "Rollout", "blue", "evil.io/a", 8)
		digest(namespace, "Rollout", "blue", "evil.io/a", 8)
		workloads += 4
		// A pod of its own, one that has ended, and one on a node's own account.
		alone := newPod(namespace, "Registry.K8S.IO/pause:3", "demo-vpc.tencentcloudcr.com.evil.io/a")
		alone.Name, alone.GenerateName = "alone", ""
		over := newPod(namespace, "nginx:old")
		over.Name, over.GenerateName, over.Finalizers = "over", "", nil
		pending = append(pending, alone, over)
		workloads++
		want = append(want, newFound("TCR501", namespace, "Pod", "alone", "containers/c1", "demo-vpc.tencentcloudcr.com.evil.io/a", 1, "only-ours"))
		digest(namespace, "Pod", "alone", "Registry.K8S.IO/pause:3", 1)
		if namespace == "audit-3" {
			want = append(want, newFound("TCR503", namespace, "Pod", "alone", "containers/c1", "demo-vpc.tencentcloudcr.com.evil.io/a", 1, "digests"))
		}
	}
	for _, namespace := range []string{"audit-free", "audit-gone"} {
		createNamespace(t, c, namespace)
	}
	add(1, "audit-free", nil, "nginx")
	add(1, "audit-gone", nil, "registry.k8s.io/pause:3")
	add(1, "kube-system", nil, "nginx")
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(8)
	for _, pod := range pending {
		g.Go(func() error { return create(ctx, c, pod) })
	}
	require.NoError(t, g.Wait())
	require.GreaterOrEqual(t, len(pending), 2000)
	return want, workloads, len(pending) - 10 // those that have ended
}

// create creates a pod, which has ended if it is called so.
func create(ctx context.Context, c client.Client, pod *corev1.Pod) error {
	if err := c.Create(ctx, pod); err != nil || pod.Name != "over" {
		return err
	}
	pod.Status.Phase = corev1.PodSucceeded
	return c.Status().Update(ctx, pod)
}
