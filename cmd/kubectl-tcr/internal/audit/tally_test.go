package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/podview"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

func compile(t *testing.T, rules ...policy.Rule) *policy.Policy {
	t.Helper()
	all, err := registry.SelectNamespaces(nil, nil)
	require.NoError(t, err)
	d, _ := registry.NewDirectory([]registry.Entry{
		{ID: "tcr-demo0001", Namespaces: all, Hosts: registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"}},
		{ID: "tcr-late0005", Namespaces: all},
	})
	parsed, mistakes := policy.Parse(rules)
	require.Empty(t, mistakes)
	return parsed.Compile(d, "tcr-webhook")
}

func pod(images ...string) *podview.Pod {
	var p podview.Pod
	for _, image := range images {
		p.Spec.Containers = append(p.Spec.Containers, podview.Container{Name: "c", Image: image})
	}
	return &p
}

func TestTally(t *testing.T) {
	t.Parallel()
	tally := NewTally(compile(t,
		policy.Rule{Name: "ours", Namespaces: []string{"*", "!free"}, Allow: []string{"tcr-late0005", "quay.io"}, Action: policy.Warn},
		policy.Rule{Name: "attic", Namespaces: []string{"*", "!free"}, Deny: []string{"tcr-demo0001/attic/*"}, Action: policy.Enforce}), "")
	web := Workload{"shop", "apps/v1", "Deployment", "web", "1"}
	late := Workload{"shop", "v1", "Pod", "late", "2"}
	for range 3 {
		tally.AddPod(web, pod("demo-vpc.tencentcloudcr.com/attic/a", "auto"))
	}
	tally.AddTemplate(web, pod("demo.tencentcloudcr.com/attic/a", "auto"))
	tally.AddTemplate(Workload{Namespace: "shop", Kind: "Job", Name: "fine"}, pod("quay.io/a", "auto"))
	tally.AddPod(late, pod("late.tencentcloudcr.com/a"))
	for _, namespace := range []string{"free", "kube-system", "tcr-webhook"} {
		tally.AddPod(Workload{Namespace: namespace, Name: "free"}, pod("nginx"))
	}
	r := tally.Report()
	assert.Equal(t, Summary{Workloads: 3, Refused: 1, Open: 1, Free: 3, Pods: 7}, r.Summary)
	want := []Finding{
		{Code: "TCR502", Workload: web, Site: "containers/c", Image: "demo-vpc.tencentcloudcr.com/attic/a", Pods: 3, Rule: "attic", Action: policy.Enforce, Reason: policy.Denied},
		{Code: "TCR505", Workload: web, Site: "containers/c", Image: "auto", Pods: 3, Rule: "ours", Action: policy.Warn, Reason: policy.HostsNotKnown},
		{Code: "TCR505", Workload: late, Site: "containers/c", Image: "late.tencentcloudcr.com/a", Pods: 1, Rule: "ours", Action: policy.Warn, Reason: policy.HostsNotKnown},
		{Code: "TCR505", Workload: web, Site: "containers/c", Image: "demo-vpc.tencentcloudcr.com/attic/a", Pods: 3, Rule: "ours", Action: policy.Warn, Reason: policy.HostsNotKnown},
	}
	less := cmpopts.SortSlices(func(a, b Finding) bool { return a.Rule+a.Workload.Name+a.Image < b.Rule+b.Workload.Name+b.Image })
	assert.Empty(t, cmp.Diff(want, r.Findings, less, cmpopts.IgnoreFields(Finding{}, "Text")))
	assert.Contains(t, r.Findings[0].Text, "image ")

	reports := r.PolicyReports()
	require.Len(t, reports, 1, "where no rule is for a namespace, there is nothing to report")
	assert.Equal(t, "shop", reports[0].GetNamespace())
	assert.Equal(t, map[string]any{"pass": int64(1), "fail": int64(1), "warn": int64(0), "error": int64(3), "skip": int64(0)}, reports[0].Object["summary"])
	assert.Len(t, reports[0].Object["results"], 4)
	assert.NotPanics(t, func() { reports[0].DeepCopy() }, "it holds what JSON has not")
}

func TestOneRule(t *testing.T) {
	t.Parallel()
	tally := NewTally(compile(t, policy.Rule{Name: "a", Deny: []string{"a.io"}, Action: policy.Warn}, policy.Rule{Name: "b", RequireDigest: true, Action: policy.Warn}), "a")
	tally.AddPod(Workload{Namespace: "shop", Name: "x"}, pod("a.io/b"))
	tally.AddPod(Workload{Namespace: "shop", Name: "y"}, pod("b.io/b"))
	r := tally.Report()
	require.Len(t, r.Findings, 1)
	assert.Equal(t, "a", r.Findings[0].Rule)
	assert.Equal(t, Summary{Workloads: 2, Refused: 1, Pods: 2}, r.Summary)
}
