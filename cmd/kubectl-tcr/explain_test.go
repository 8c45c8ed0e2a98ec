package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/explain"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/manifest"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
)

// goldenConfig and goldenStatus are the state that package webhook decides its
// golden pods by, as a user has it: a configuration, and what the server says.
const (
	goldenConfig = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, vpc: vpc-abc123}
registries:
- {instance: tcr-demo0001, route: Private, hosts: {public: demo.tencentcloudcr.com, private: demo-vpc.tencentcloudcr.com, custom: [r.example.com]}}
- {instance: tcr-open0002, route: Public, hosts: {public: open.tencentcloudcr.com, private: open-vpc.tencentcloudcr.com}}
- {instance: tcr-xvpc0003, route: Private, hosts: {public: x-vpc.tencentcloudcr.com, private: x-vpc-vpc.tencentcloudcr.com}}
- {instance: tcr-team0004, hosts: {public: team.tencentcloudcr.com, private: team-vpc.tencentcloudcr.com}, namespaces: ["team-*"]}
- {instance: tcr-nopv0005, route: Private, hosts: {public: nopv.tencentcloudcr.com, private: nopv-vpc.tencentcloudcr.com}}
- {instance: tcr-nvpc0007, route: Public, hosts: {public: nopv-vpc.tencentcloudcr.com}, namespaces: [nobody]}
- {instance: tcr-gold0006, route: Private, hosts: {public: gold.tencentcloudcr.com, private: gold-vpc.tencentcloudcr.com}, namespaceSelector: {matchLabels: {tier: gold}}}
- {instance: tcr-none0007, namespaces: [remote]}
- {instance: tcr-wait0008, hosts: {public: wait.tencentcloudcr.com}, namespaces: [remote]}
rewrite: {skipOwners: [postgresql.cnpg.io/Cluster]}
`
	goldenStatus = `apiVersion: tcr-webhook.io/v1alpha1
kind: Status
instances:
- {instance: tcr-team0004, route: PrivateName, hosts: [team.tencentcloudcr.com, team-vpc.tencentcloudcr.com]}
- {instance: tcr-none0007, route: None, routeReason: NoLink, routeMessage: no private link from vpc-abc123 to tcr-none0007, hosts: [none.tencentcloudcr.com, none-vpc.tencentcloudcr.com]}
- {instance: tcr-wait0008, hosts: [wait.tencentcloudcr.com]}
`
)

// goldenSituation is what the goldens are explained in.
func goldenSituation(t *testing.T) *situation {
	t.Helper()
	parsed, err := config.Decode("golden", []byte(goldenConfig))
	require.NoError(t, err)
	s := &situation{own: "tcr-webhook", say: t.Logf}
	s.status, err = status.Decode(map[string]string{status.Key: goldenStatus})
	require.NoError(t, err)
	require.NoError(t, s.decideBy(parsed))
	return s
}

// question and outcome are what is read of a golden pod of package webhook.
type question struct {
	Namespace                 string
	NamespaceLabels           map[string]string
	Operation                 string
	SubResource               string
	Object                    map[string]any
	ServiceAccountAnnotations map[string]string
	EveryPod                  bool
}

type outcome struct {
	Warnings  []string
	Audit     map[string]string
	Instances []registry.ID
	Patch     []map[string]any
	Object    any
}

func readGolden(t *testing.T, in string) (q question, want outcome) {
	t.Helper()
	text, err := os.ReadFile(in)
	require.NoError(t, err)
	q = question{Namespace: "team-a", Operation: "CREATE"}
	require.NoError(t, yaml.Unmarshal(text, &q))
	text, err = os.ReadFile(strings.Replace(in, ".in.", ".want.", 1))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &want))
	return q, want
}

// object writes and reads a manifest.
func object(t *testing.T, o map[string]any) *manifest.Object {
	t.Helper()
	text, err := yaml.Marshal(o)
	require.NoError(t, err)
	objects, err := manifest.Read("golden.yaml", text)
	require.NoError(t, err)
	require.Len(t, objects, 1)
	return &objects[0]
}

// TestExplainAgreesWithTheWebhookOnEveryGoldenPod compares with what package
// webhook's own test holds the server to.
func TestExplainAgreesWithTheWebhookOnEveryGoldenPod(t *testing.T) {
	t.Parallel()
	inputs, err := filepath.Glob("../../webhook/testdata/*/*.in.yaml")
	require.NoError(t, err)
	s := goldenSituation(t)
	pods, workloads := 0, 0
	for _, in := range inputs {
		q, want := readGolden(t, in)
		if q.Operation != "CREATE" || q.SubResource != "" {
			continue // a manifest is of what is to be created
		}
		name := strings.TrimSuffix(filepath.Base(in), ".in.yaml")
		q.Object["apiVersion"], q.Object["kind"] = "v1", "Pod"
		where := explain.Situation{State: s.state, OwnNamespace: s.own, Namespace: q.Namespace, Surroundings: webhook.Surroundings{
			NamespaceLabels: q.NamespaceLabels, ServiceAccountAnnotations: q.ServiceAccountAnnotations, EveryPod: q.EveryPod,
		}}
		e, err := explain.Explain(object(t, q.Object), where)
		require.NoError(t, err, name)
		agree(t, name, e, want)
		pods++
		if plain(q.Object) {
			for kind, made := range templated(q.Object) {
				e, err := explain.Explain(object(t, made), where)
				require.NoError(t, err, "%s of %s", kind, name)
				assert.True(t, e.Made)
				want.Object = nil // it has the metadata of a template
				agree(t, kind+" of "+name, e, want)
				workloads++
			}
		}
	}
	t.Logf("%d pods, %d workloads", pods, workloads)
	assert.Greater(t, pods, 70)
	assert.Greater(t, workloads, 400)
}

func agree(t *testing.T, name string, e *explain.Explanation, want outcome) {
	t.Helper()
	got := outcome{Warnings: e.Warnings, Instances: e.PullSecret.Instances}
	if e.Patch != nil {
		require.NoError(t, json.Unmarshal(e.Patch, &got.Patch))
	}
	if want.Object != nil {
		require.NoError(t, json.Unmarshal(e.Result, &got.Object))
		for _, o := range []any{got.Object, want.Object} {
			m, _ := o.(map[string]any)
			delete(m, "apiVersion")
			delete(m, "kind")
		}
	}
	if len(got.Instances) == 0 {
		got.Instances = nil
	}
	assert.Equal(t, want.Audit["skipped"], string(e.Skipped), name)
	want.Audit = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-webhook +explain):\n%s", name, diff)
	}
}

// plain tells whether a pod may as well be a template's: it has no metadata that
// only a pod has.
func plain(pod map[string]any) bool {
	meta, ok := pod["metadata"].(map[string]any)
	for key := range meta {
		ok = ok && (key == "name" || key == "generateName" || key == "labels" || key == "annotations")
	}
	annotations, _ := meta["annotations"].(map[string]any)
	_, mirror := annotations["kubernetes.io/config.mirror"]
	return ok && !mirror
}

// templated is a pod as the template of each kind.
func templated(pod map[string]any) map[string]map[string]any {
	template := map[string]any{"metadata": pod["metadata"], "spec": pod["spec"]}
	made := func(apiVersion, kind string, spec any) map[string]any {
		return map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": "w"}, "spec": spec}
	}
	all := map[string]map[string]any{
		"CronJob":     made("batch/v1", "CronJob", map[string]any{"jobTemplate": map[string]any{"spec": map[string]any{"template": template}}}),
		"PodTemplate": {"apiVersion": "v1", "kind": "PodTemplate", "metadata": map[string]any{"name": "w"}, "template": template},
	}
	for kind, apiVersion := range map[string]string{
		"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1", "Job": "batch/v1", "ReplicationController": "v1",
	} {
		all[kind] = made(apiVersion, kind, map[string]any{"template": template})
	}
	return all
}

// The kinds that the webhook reads templates of are all known.
func TestExplainKnowsEveryWorkload(t *testing.T) {
	t.Parallel()
	for kind, made := range templated(map[string]any{"metadata": map[string]any{}, "spec": map[string]any{}}) {
		o := object(t, made)
		assert.True(t, explain.Known(o), kind)
		var w podview.Workload
		assert.Equal(t, kind != "PodTemplate", w.Template(podview.GroupKind{Group: o.Group(), Kind: o.Kind}) != nil, kind)
	}
}

// ran is how a run of the whole command ended.
type ran struct {
	code           int
	stdout, stderr string
}

func runTCR(stdin string, env map[string]string, args ...string) ran {
	var stdout, stderr bytes.Buffer
	getenv := func(name string) string {
		if value, ok := env[name]; ok {
			return value
		}
		return map[string]string{"LC_ALL": "C.UTF-8"}[name]
	}
	code := run(context.Background(), append([]string{"kubectl-tcr"}, args...), getenv, genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &stdout, ErrOut: &stderr})
	return ran{code, stdout.String(), stderr.String()}
}

const sampleConfig = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, vpc: vpc-abc123}
registries:
- {instance: tcr-m3ut3qxx, route: Private, hosts: {public: demo.tencentcloudcr.com, private: demo-vpc.tencentcloudcr.com}, namespaces: ["*", "!no-tcr"]}
- {instance: tcr-gold0006, hosts: {public: gold.tencentcloudcr.com}, namespaceSelector: {matchLabels: {tier: gold}}}
policy:
  rules:
  - {name: only-ours, allow: [tcr-m3ut3qxx, tcr-gold0006], action: Warn}
  - {name: strict, namespaces: [prod], allow: [tcr-m3ut3qxx], action: Enforce}
`

const samplePod = `apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  imagePullSecrets: [{name: mine}]
  initContainers:
  - {name: migrate, image: demo.tencentcloudcr.com/team/migrate:1}
  containers:
  - {name: web, image: "nginx:1.27"}
`

// offline explains without a cluster.
func offline(t *testing.T, stdin string, args ...string) ran {
	t.Helper()
	config := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(sampleConfig), 0o600))
	got := runTCR(stdin, nil, append([]string{"explain", "--offline", "--config", config}, args...)...)
	got.stderr = strings.ReplaceAll(got.stderr, config, "config.yaml")
	return got
}

func TestExplainForPeople(t *testing.T) {
	t.Parallel()
	got := offline(t, samplePod, "-f", "-", "-n", "team-a")
	assert.Equal(t, ran{code: 0, stdout: `pod/web in namespace team-a                           offline: routes are assumed, nothing was asked
  spec.initContainers[0].image
  - demo.tencentcloudcr.com/team/migrate:1
  + demo-vpc.tencentcloudcr.com/team/migrate:1                                    the private route of tcr-m3ut3qxx
  spec.containers[0].image     nginx:1.27                                           not an instance of yours: unchanged
  spec.imagePullSecrets        [mine]: unchanged
  + - tcr-pull                                                                    appended; holds tcr-m3ut3qxx
! policy       containers/web: rule only-ours (Warn): image docker.io/library/nginx:1.27 is not allowed by rule only-ours; allowed: demo.tencentcloudcr.com, gold.tencentcloudcr.com   [TCR501]
! admitted     3 fields changed, 1 warning
`}, got)
	got = offline(t, samplePod, "-f", "-", "-n", "prod")
	assert.Equal(t, 1, got.code)
	assert.Contains(t, got.stdout, "✖ denied       use an image that is allowed, or have your administrator change rule strict\n")
	got = offline(t, strings.Replace(samplePod, "name: web}", "name: web, labels: {tcr-webhook.io/inject: disabled}}", 1), "-f", "-")
	assert.Contains(t, got.stdout, "– skipped      label tcr-webhook.io/inject=disabled (the allow-list still applies)\n! admitted     nothing changed, 1 warning\n")
	got = offline(t, samplePod, "-f", "-", "-n", "tcr-webhook")
	assert.Contains(t, got.stdout, "– skipped      the namespace of the installation is served by nobody\n✔ admitted     nothing changed\n")
	colored := offline(t, samplePod, "-f", "-", "-n", "prod", "--color", "always")
	assert.Contains(t, colored.stdout, "\x1b[31m✖ denied")
	assert.Contains(t, colored.stdout, "\x1b[32m  + demo-vpc.")
}

func TestExplainFormats(t *testing.T) {
	t.Parallel()
	got := offline(t, samplePod, "-f", "-", "-o", "patch")
	assert.Equal(t, `[{"op":"replace","path":"/spec/initContainers/0/image","value":"demo-vpc.tencentcloudcr.com/team/migrate:1"},{"op":"add","path":"/spec/imagePullSecrets/-","value":{"name":"tcr-pull"}},{"op":"add","path":"/metadata/annotations","value":{"tcr-webhook.io/original-images":"{\"initContainers/migrate\":\"demo.tencentcloudcr.com/team/migrate:1\"}"}}]
`, got.stdout)
	got = offline(t, samplePod, "-f", "-", "-o", "yaml")
	assert.Contains(t, got.stdout, "  imagePullSecrets:\n  - name: mine\n  - name: tcr-pull\n")
	got = offline(t, samplePod+"---\n"+samplePod, "-f", "-", "-o", "json")
	var all explanations
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &all))
	require.Len(t, all.Items, 2)
	assert.Equal(t, "Explanations", all.Kind)
	assert.True(t, all.Offline)
	assert.Equal(t, manifest.Place{File: "-", Document: 2, Line: 11}, all.Items[1].Place)
	assert.Equal(t, registry.Rewritten, all.Items[0].Images[0].Reason)
	assert.Equal(t, "TCR501", all.Items[0].Policy[0].Code)
}

func TestExplainEnds(t *testing.T) {
	t.Parallel()
	const quiet = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: demo.tencentcloudcr.com/a}]}\n"
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
	for name, tt := range map[string]struct {
		stdin string
		args  []string
		code  int
	}{
		"a change is no finding":           {quiet, nil, 0},
		"a change, where it is one":        {quiet, []string{"--exit-code"}, 1},
		"no change, where it would be one": {strings.Replace(quiet, "demo.tencentcloudcr.com/a", "demo-vpc.tencentcloudcr.com/a, imagePullPolicy: Never", 1), []string{"-n", "no-tcr", "--exit-code"}, 0},
		"a warning is none":                {samplePod, nil, 0},
		"a warning, where it is one":       {samplePod, []string{"--fail-on", "warning"}, 1},
		"a denial":                         {samplePod, []string{"-n", "prod"}, 1},
		"a denial, for programs":           {samplePod, []string{"-n", "prod", "-o", "json"}, 1},
		"nothing that has pods":            {service, []string{"--exit-code"}, 0},
		"a manifest that is broken":        {"a: b: c", nil, 2},
		"another namespace":                {strings.Replace(quiet, "name: a}", "name: a, namespace: b}", 1), []string{"-n", "c"}, 2},
		"a format that is none":            {quiet, []string{"-o", "xml"}, 2},
		"a threshold that is none":         {quiet, []string{"--fail-on", "never"}, 2},
		"a colour that is none":            {quiet, []string{"--color", "blue"}, 2},
		"a file that is not there":         {quiet, []string{"-f", "/nowhere.yaml"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := offline(t, tt.stdin, append([]string{"-f", "-"}, tt.args...)...)
			assert.Equal(t, tt.code, got.code, "%s%s", got.stdout, got.stderr)
			if tt.code == 2 {
				assert.Empty(t, got.stdout)
				assert.True(t, strings.HasPrefix(got.stderr, "kubectl tcr: ") || strings.HasPrefix(got.stderr, "kubectl-tcr: "), got.stderr)
			}
		})
	}
}

// What the manifests say of namespaces and ServiceAccounts counts.
func TestExplainReadsItsSurroundings(t *testing.T) {
	t.Parallel()
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\nspec: {serviceAccountName: s, containers: [{name: a, image: gold.tencentcloudcr.com/a}]}\n---\n"
	const gold = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {tier: gold}}\n---\n"
	const strict = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: s, namespace: shop, annotations: {kubernetes.io/enforce-mountable-secrets: 'true'}}\n---\n"
	assert.Contains(t, offline(t, pod, "-f", "-").stdout, "the configuration does not select namespace shop for it")
	assert.Contains(t, offline(t, pod+gold, "-f", "-").stdout, "+ - tcr-pull")
	assert.Contains(t, offline(t, pod, "-f", "-", "--namespace-labels", "tier=gold").stdout, "+ - tcr-pull")
	assert.Contains(t, offline(t, pod+gold+strict, "-f", "-").stdout, "tcr-pull is needed, and not added: MountableSecretsEnforced")
	assert.Contains(t, offline(t, pod, "-f", "-", "--every-pod").stdout, "+ - tcr-pull", "every pod")
}

func TestExplainSaysWhereAManifestIsBroken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml": samplePod, "b.json": `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "b"}}`, "c.txt": "no manifest",
		"d.yml": samplePod + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        image: [a]\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	got := offline(t, "", "-f", dir)
	assert.Equal(t, 2, got.code)
	assert.Empty(t, got.stdout)
	assert.Contains(t, got.stderr, filepath.Join(dir, "d.yml")+": document 2, line 19: spec.containers.0.image is of a kind that a pod cannot have there")
	for text, want := range map[string]string{
		"apiVersion: apps/v1\nkind: Deployment\nspec: {}\n":                             "-: document 1, line 3: spec.template is missing, or no object: a Deployment has the template of its pods there",
		"apiVersion: batch/v1\nkind: CronJob\nspec:\n  jobTemplate: x\n":                "-: document 1, line 4: spec.jobTemplate is no object",
		"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    name: a\n":                "-: document 1, line 5: spec.containers is of a kind that a pod cannot have there",
		"apiVersion: apps/v1\nkind: DaemonSet\nspec:\n  template:\n    metadata: [a]\n": "-: document 1, line 5: metadata is no object",
		"apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    a: 3\n":              "-: document 1, line ",
	} {
		got := offline(t, text, "-f", "-")
		assert.Equal(t, 2, got.code, got.stdout)
		assert.Contains(t, got.stderr, want)
	}
}
