package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// testRules have a namespace for each action; those of digests go everywhere
// else.
var testRules = []policy.Rule{
	{Name: "only-ours", Namespaces: []string{"enforced", "kube-system"}, Allow: []string{"tcr-demo0001", "registry.k8s.io"}, Deny: []string{"r.example.com/secret/*"}, Action: policy.Enforce},
	{Name: "hub", Namespaces: []string{"enforced", "warned"}, Deny: []string{"docker.io"}, Action: policy.Warn},
	{Name: "noted", Namespaces: []string{"audited"}, Allow: []string{"nginx"}, Action: policy.Audit},
}

func compilePolicy(t testing.TB, d *registry.Directory, rules ...policy.Rule) *policy.Policy {
	t.Helper()
	parsed, mistakes := policy.Parse(rules)
	require.Empty(t, mistakes)
	return parsed.Compile(d, "tcr-webhook")
}

// judgingPods is a handler with testRules.
func judgingPods(t testing.TB) (*Pods, *prometheus.Registry) {
	t.Helper()
	state := testState(t)
	state.Policy = compilePolicy(t, state.Directory, testRules...)
	return testPods(t, func(o *PodsOptions) { o.Snapshot = func() *State { return state } })
}

func policyOf(images ...string) json.RawMessage {
	containers := make([]string, 0, len(images))
	for i, image := range images {
		containers = append(containers, fmt.Sprintf(`{"name":"c%d","image":%q}`, i, image))
	}
	return json.RawMessage(`{"metadata":{"name":"web","labels":{"tcr-webhook.io/inject":"disabled"}},"spec":{"containers":[` + strings.Join(containers, ",") + `]}}`)
}

const (
	deniedNginx = "image docker.io/library/nginx is not allowed by rule only-ours; allowed: demo.tencentcloudcr.com, registry.k8s.io"
	hubNginx    = "tcr-webhook: containers/c0: image docker.io/library/nginx is denied by rule hub, which denies docker.io"
)

func TestPolicyOfPods(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		q      question
		denial string
		warned []string
		audit  string
		result string
		counts string // by rule and action
	}{
		{"what is allowed passes, whoever opted out of what", question{Namespace: "enforced", Object: policyOf("demo-vpc.tencentcloudcr.com/a", "registry.k8s.io/b")},
			"", nil, "", "unchanged", ""},
		{"what is not is denied, and other rules are heard", question{Namespace: "enforced", Object: policyOf("nginx")},
			"containers/c0: " + deniedNginx + ". " + remedy, []string{hubNginx}, "containers/c0=only-ours:Enforce:NotAllowed,containers/c0=hub:Warn:Denied", "denied", "only-ours/Enforce=1 hub/Warn=1"},
		{"a denial names all that is denied", question{Namespace: "enforced", Object: policyOf("registry.k8s.io.evil.com/a", "demo.tencentcloudcr.com/a", "demo-vpc.tencentcloudcr.com/secret/a")},
			"containers/c0: image registry.k8s.io.evil.com/a is not allowed by rule only-ours; allowed: demo.tencentcloudcr.com, registry.k8s.io. " +
				"containers/c2: image demo-vpc.tencentcloudcr.com/secret/a (demo.tencentcloudcr.com/secret/a) is denied by rule only-ours, which denies r.example.com/secret/*. " + remedy,
			nil, "containers/c0=only-ours:Enforce:NotAllowed,containers/c2=only-ours:Enforce:Denied", "denied", "only-ours/Enforce=2"},
		{"a warning admits", question{Namespace: "warned", Object: policyOf("nginx")},
			"", []string{hubNginx}, "containers/c0=hub:Warn:Denied", "warned", "hub/Warn=1"},
		{"an audit admits in silence", question{Namespace: "audited", Object: policyOf("quay.io/a")},
			"", nil, "containers/c0=noted:Audit:NotAllowed", "warned", "noted/Audit=1"},
		{"other namespaces are free", question{Namespace: "shop", Object: policyOf("nginx")}, "", nil, "", "unchanged", ""},
		{"kube-system is exempt", question{Namespace: "kube-system", Object: policyOf("nginx")}, "", nil, "", "unchanged", ""},
		{"so is our own", question{Namespace: "tcr-webhook", Object: policyOf("nginx")}, "", nil, "", "unchanged", ""},
		{"an image volume counts", question{Namespace: "enforced", Object: json.RawMessage(`{"spec":{"containers":[{"name":"a","image":"registry.k8s.io/a"}],"volumes":[{"name":"v","image":{"reference":"evil.io/a"}}]}}`)},
			"volumes/v: image evil.io/a is not allowed by rule only-ours; allowed: demo.tencentcloudcr.com, registry.k8s.io. " + remedy, nil, "volumes/v=only-ours:Enforce:NotAllowed", "denied", "only-ours/Enforce=1"},
		{"so does an init container", question{Namespace: "enforced", Object: json.RawMessage(`{"spec":{"initContainers":[{"name":"a","image":"evil.io/a"}]}}`)},
			"initContainers/a: image evil.io/a is not allowed by rule only-ours; allowed: demo.tencentcloudcr.com, registry.k8s.io. " + remedy, nil, "initContainers/a=only-ours:Enforce:NotAllowed", "denied", "only-ours/Enforce=1"},
		{"and what is no reference", question{Namespace: "enforced", Object: policyOf("NGINX")},
			`containers/c0: image "NGINX" is not allowed by rule only-ours: it is not an image reference. ` + remedy, []string{`tcr-webhook: containers/c0: image "NGINX" is not allowed by rule hub: it is not an image reference`},
			"containers/c0=only-ours:Enforce:Unparsable,containers/c0=hub:Warn:Unparsable", "denied", "only-ours/Enforce=1 hub/Warn=1"},
		{"an update is judged by what it changes", question{Namespace: "enforced", Operation: "UPDATE", OldObject: policyOf("evil.io/a", "registry.k8s.io/a"), Object: policyOf("evil.io/a", "registry.k8s.io/b")},
			"", nil, "", "unchanged", ""},
		{"and denied for that", question{Namespace: "enforced", Operation: "UPDATE", OldObject: policyOf("evil.io/a", "registry.k8s.io/a"), Object: policyOf("evil.io/a", "evil.io/a")},
			"containers/c1: image evil.io/a is not allowed by rule only-ours; allowed: demo.tencentcloudcr.com, registry.k8s.io. " + remedy, nil, "containers/c1=only-ours:Enforce:NotAllowed", "denied", "only-ours/Enforce=1"},
		{"an ephemeral container is no way around", question{Namespace: "enforced", Operation: "UPDATE", SubResource: "ephemeralcontainers", OldObject: policyOf("evil.io/a"),
			Object: json.RawMessage(`{"spec":{"containers":[{"name":"c0","image":"evil.io/a"}],"ephemeralContainers":[{"name":"debug","image":"busybox"}]}}`)},
			"ephemeralContainers/debug: image docker.io/library/busybox is not allowed by rule only-ours; allowed: demo.tencentcloudcr.com, registry.k8s.io. " + remedy,
			[]string{"tcr-webhook: ephemeralContainers/debug: image docker.io/library/busybox is denied by rule hub, which denies docker.io"},
			"ephemeralContainers/debug=only-ours:Enforce:NotAllowed,ephemeralContainers/debug=hub:Warn:Denied", "denied", "only-ours/Enforce=1 hub/Warn=1"},
		{"a deletion is nothing to judge", question{Namespace: "enforced", Operation: "DELETE", Object: policyOf("nginx")}, "", nil, "NotAPod", "skipped", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.q.Operation == "" {
				tt.q.Operation = "CREATE"
			}
			p, metrics := judgingPods(t)
			body := reviewOf(t, tt.q)
			dry := verdictOf(t, p.Policy(), bytes.Replace(body, []byte(`"namespace"`), []byte(`"dryRun":true,"namespace"`), 1))
			assert.Empty(t, violations(t, metrics), "a dry run is counted")
			got := verdictOf(t, p.Policy(), body)
			assert.Empty(t, cmp.Diff(got, dry), "a dry run is told something else")

			assert.Equal(t, tt.denial == "", got.Allowed)
			if tt.denial != "" {
				assert.Equal(t, int32(http.StatusForbidden), got.Result.Code)
				assert.Equal(t, tt.denial, got.Result.Message)
			}
			assert.Equal(t, tt.warned, got.Warnings)
			assert.Equal(t, tt.audit, got.AuditAnnotations["policy"]+got.AuditAnnotations["skipped"])
			assert.Equal(t, tt.counts, violations(t, metrics))
			assert.NoError(t, testutil.GatherAndCompare(metrics, strings.NewReader(fmt.Sprintf(`
# HELP tcr_webhook_admissions_total Calls of the API server by webhook and result.
# TYPE tcr_webhook_admissions_total counter
tcr_webhook_admissions_total{result="%s",webhook="policy"} 2
`, tt.result)), "tcr_webhook_admissions_total"))
		})
	}
}

// violations are the counts by rule and action.
func violations(t *testing.T, metrics *prometheus.Registry) string {
	t.Helper()
	families, err := metrics.Gather()
	require.NoError(t, err)
	var texts []string
	for _, f := range families {
		if f.GetName() != "tcr_webhook_policy_violations_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			texts = append(texts, fmt.Sprintf("%s/%s=%v", labels["rule"], labels["action"], m.GetCounter().GetValue()))
		}
	}
	return strings.Join(texts, " ")
}

func workloadReview(t testing.TB, group, kind, operation, object, old string) []byte {
	t.Helper()
	if old == "" {
		old = "null"
	}
	text, err := json.Marshal(map[string]any{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"request": map[string]any{
			"uid": "705ab4f5", "kind": map[string]string{"group": group, "version": "v1", "kind": kind},
			"namespace": "enforced", "operation": operation, "object": json.RawMessage(object), "oldObject": json.RawMessage(old),
		},
	})
	require.NoError(t, err)
	return text
}

func TestPolicyOfWorkloads(t *testing.T) {
	t.Parallel()
	template := func(images ...string) string { return `{"spec":{"template":` + string(policyOf(images...)) + `}}` }
	denied := []string{"tcr-webhook: pods will be denied: containers/c0: " + deniedNginx, hubNginx}
	tests := []struct {
		name, group, kind, operation, object, old string
		want                                      []string
	}{
		{"a Deployment", "apps", "Deployment", "CREATE", template("nginx"), "", denied},
		{"a StatefulSet", "apps", "StatefulSet", "CREATE", template("nginx"), "", denied},
		{"a DaemonSet", "apps", "DaemonSet", "CREATE", template("nginx"), "", denied},
		{"a ReplicaSet", "apps", "ReplicaSet", "CREATE", template("nginx"), "", denied},
		{"a ReplicationController", "", "ReplicationController", "CREATE", template("nginx"), "", denied},
		{"a Job", "batch", "Job", "CREATE", template("nginx"), "", denied},
		{"a CronJob", "batch", "CronJob", "CREATE", `{"spec":{"jobTemplate":` + template("nginx") + `}}`, "", denied},
		{"what is allowed", "apps", "Deployment", "CREATE", template("demo.tencentcloudcr.com/a"), "", nil},
		{"a placeholder of an injector", "apps", "Deployment", "CREATE", template("auto"), "", nil},
		{"a change of the image", "apps", "Deployment", "UPDATE", template("nginx"), template("nginx:1"), denied},
		{"a change of another", "apps", "Deployment", "UPDATE", template("nginx", "registry.k8s.io/a"), template("nginx", "registry.k8s.io/b"), nil},
		{"no template", "", "ReplicationController", "CREATE", `{"spec":{"template":null}}`, "", nil},
		{"something else", "apps", "ControllerRevision", "CREATE", `{"data":{}}`, "", nil},
		{"a namesake", "example.com", "Deployment", "CREATE", template("nginx"), "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, metrics := judgingPods(t)
			got := verdictOf(t, p.Workloads(), workloadReview(t, tt.group, tt.kind, tt.operation, tt.object, tt.old))
			assert.True(t, got.Allowed, "a template is denied")
			assert.Equal(t, tt.want, got.Warnings)
			assert.Empty(t, violations(t, metrics), "its pods are counted")
		})
	}
}

// TestOneVerdict judges every pod of testdata as its template, as its author
// wrote it and as we changed it.
func TestOneVerdict(t *testing.T) {
	t.Parallel()
	state := testState(t)
	p := compilePolicy(t, state.Directory,
		policy.Rule{Name: "ours", Allow: []string{"tcr-demo0001/*", "tcr-xvpc0003", "nginx", "*.example.com/team/*"}, Action: policy.Enforce},
		policy.Rule{Name: "path", Deny: []string{"demo.tencentcloudcr.com/*/*", "open-vpc.tencentcloudcr.com"}, Action: policy.Warn},
		policy.Rule{Name: "digest", Deny: []string{"docker.io/library/*"}, RequireDigest: true, Action: policy.Audit},
	)
	inputs, err := filepath.Glob("testdata/*/*.in.yaml")
	require.NoError(t, err)
	rewritten, objections := 0, 0
	for _, input := range inputs {
		q := readQuestion(t, input)
		after, err := json.Marshal(decideQuestion(t, q).Object)
		require.NoError(t, err)
		judge := func(object []byte) map[string][]policy.Verdict {
			q.Object = object
			var review podview.Review
			require.NoError(t, review.Decode(reviewOf(t, q)), input)
			verdicts := map[string][]policy.Verdict{}
			for _, o := range Objections(p, "shop", review.Request.Object.Sites()) {
				verdicts[o.Site.String()] = append(verdicts[o.Site.String()], o.Verdict)
			}
			objections += len(verdicts)
			return verdicts
		}
		template := func(object []byte) map[string][]policy.Verdict {
			var review podview.WorkloadReview
			require.NoError(t, review.Decode(workloadReview(t, "apps", "Deployment", "CREATE", `{"spec":{"template":`+string(object)+`}}`, "")), input)
			verdicts := map[string][]policy.Verdict{}
			for _, o := range Objections(p, "shop", review.Request.Object.Template(review.Request.Kind).Sites()) {
				verdicts[o.Site.String()] = append(verdicts[o.Site.String()], o.Verdict)
			}
			return verdicts
		}
		before := bytes.Clone(q.Object)
		if !bytes.Contains(before, []byte("-vpc.tencentcloudcr.com")) && bytes.Contains(after, []byte("-vpc.tencentcloudcr.com")) {
			rewritten++
		}
		want := judge(before)
		assert.Empty(t, cmp.Diff(want, judge(after)), "%s: another verdict after the change", input)
		assert.Empty(t, cmp.Diff(want, template(before)), "%s: another verdict for the template", input)
	}
	assert.Greater(t, rewritten, 20, "hardly a pod was changed")
	assert.Greater(t, objections, 100, "hardly an image was objected to")
}

// Whether a rule that enforces objects is not known before the hosts of its
// instances are; then nobody may say so.
func TestPolicyWaitsForHosts(t *testing.T) {
	t.Parallel()
	late := func(t *testing.T, hosts registry.Hosts, action policy.Action) *State {
		t.Helper()
		all, err := registry.SelectNamespaces(nil, nil)
		require.NoError(t, err)
		d, _ := registry.NewDirectory([]registry.Entry{{ID: "tcr-late0001", Namespaces: all, Hosts: hosts}})
		return &State{Directory: d, PullSecretName: "tcr-pull", Policy: compilePolicy(t, d, policy.Rule{Name: "r", Allow: []string{"tcr-late0001", "nginx"}, Action: action})}
	}
	known := registry.Hosts{Public: "late.tencentcloudcr.com"}
	ask := func(t *testing.T, snapshot func() *State, image string) (int, *admissionv1.AdmissionReview) {
		t.Helper()
		p, _ := testPods(t, func(o *PodsOptions) { o.Snapshot = snapshot })
		w := httptest.NewRecorder()
		p.Policy().ServeHTTP(w, newCall(context.WithoutCancel(t.Context()), reviewOf(t, podQuestion(image))))
		var review admissionv1.AdmissionReview
		if w.Code == http.StatusOK {
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &review))
		} else {
			assert.Equal(t, "1", w.Header().Get("Retry-After"))
		}
		return w.Code, &review
	}
	synctest.Test(t, func(t *testing.T) {
		never := late(t, registry.Hosts{}, policy.Enforce)
		code, _ := ask(t, func() *State { return never }, "late.tencentcloudcr.com/a")
		assert.Equal(t, http.StatusServiceUnavailable, code, "what may be allowed is denied, or admitted")
		code, review := ask(t, func() *State { return never }, "nginx")
		assert.Equal(t, http.StatusOK, code)
		assert.True(t, review.Response.Allowed, "what is allowed whatever the hosts are")
		code, _ = ask(t, func() *State { return nil }, "nginx")
		assert.Equal(t, http.StatusServiceUnavailable, code)

		start, then := time.Now(), late(t, known, policy.Enforce)
		soon := func() *State {
			if time.Since(start) < time.Second {
				return never
			}
			return then
		}
		code, review = ask(t, soon, "late.tencentcloudcr.com/a")
		assert.Equal(t, http.StatusOK, code)
		assert.True(t, review.Response.Allowed, "it was not held until the hosts were known")

		mild := late(t, registry.Hosts{}, policy.Warn)
		code, review = ask(t, func() *State { return mild }, "late.tencentcloudcr.com/a")
		assert.Equal(t, http.StatusOK, code)
		assert.Empty(t, review.Response.Warnings, "a warning of what nobody knows")
		assert.Equal(t, "containers/app=r:Warn:HostsNotKnown", review.Response.AuditAnnotations["policy"])
	})
}

func TestManyObjectionsMakeABoundedAnswer(t *testing.T) {
	t.Parallel()
	images := make([]string, 1000)
	for i := range images {
		images[i] = fmt.Sprintf("evil.io/%s/%d", strings.Repeat("a", 200), i)
	}
	p, _ := judgingPods(t)
	got := verdictOf(t, p.Policy(), reviewOf(t, question{Namespace: "enforced", Operation: "CREATE", Object: policyOf(images...)}))
	assert.Less(t, len(got.Result.Message), 8<<10)
	assert.Contains(t, got.Result.Message, "992 more objections")
	assert.LessOrEqual(t, len(got.AuditAnnotations["policy"]), maxAudit)
}

func BenchmarkPolicy(b *testing.B) {
	state := testState(b)
	state.Policy = compilePolicy(b, state.Directory, policy.Rule{Name: "r", Namespaces: []string{"*"}, Allow: []string{"tcr-demo0001", "docker.io"}, Action: policy.Enforce})
	p, _ := testPods(b, func(o *PodsOptions) { o.Snapshot = func() *State { return state } })
	body := readReview(b, "6k")
	reader := bytes.NewReader(body)
	r := newCall(b.Context(), nil)
	r.Body, r.ContentLength = io.NopCloser(reader), int64(len(body))
	w := discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		p.Policy().ServeHTTP(w, r)
	}
}
