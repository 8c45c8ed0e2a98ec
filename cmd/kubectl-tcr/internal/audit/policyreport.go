package audit

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// ReportVersion is the group and version of PolicyReports, and of the
	// cluster's CRD: v1alpha2 is what tools read.
	ReportVersion = "wgpolicyk8s.io/v1alpha2"
	// ReportName is that of our report in each namespace.
	ReportName = "tcr-webhook-audit"
	// ReportLabel tells our reports from others'.
	ReportLabel = "app.kubernetes.io/managed-by"
	// ReportManager is the value of ReportLabel, and who owns the fields.
	ReportManager = "kubectl-tcr"
	// maxResults keeps a report well below the 1.5 MB that etcd takes. Its
	// summary counts all of them.
	maxResults = 1000
)

// PolicyReports is the report as one object for each namespace where something
// was judged, in the shape of the Policy Working Group. What passed is counted
// by workload, and what did not is listed by finding.
func (r *Report) PolicyReports() []*unstructured.Unstructured {
	results := map[string][]any{}
	count := map[string]map[string]int{}
	for namespace, passed := range r.passed {
		count[namespace] = map[string]int{"pass": passed}
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		namespace := f.Workload.Namespace
		count[namespace][f.outcome()]++
		if len(results[namespace]) < maxResults {
			results[namespace] = append(results[namespace], f.result())
		}
	}
	reports := make([]*unstructured.Unstructured, 0, len(count))
	for _, namespace := range slices.Sorted(maps.Keys(count)) {
		n := count[namespace]
		u := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": ReportVersion,
			"kind":       "PolicyReport",
			"metadata": map[string]any{
				"name": ReportName, "namespace": namespace, "labels": map[string]any{ReportLabel: ReportManager},
			},
			"summary": map[string]any{"pass": int64(n["pass"]), "fail": int64(n["fail"]), "warn": int64(0), "error": int64(n["error"]), "skip": int64(0)},
		}}
		if list := results[namespace]; len(list) > 0 {
			u.Object["results"] = list
		}
		reports = append(reports, u)
	}
	return reports
}

// outcome is a PolicyReport's word for a finding.
func (f *Finding) outcome() string {
	if f.Open() {
		return "error" // it could not be evaluated
	}
	return "fail"
}

// result is a finding as a PolicyReport has it.
func (f *Finding) result() map[string]any {
	resource := map[string]any{"apiVersion": f.Workload.APIVersion, "kind": f.Workload.Kind, "namespace": f.Workload.Namespace, "name": f.Workload.Name}
	if f.Workload.UID != "" {
		resource["uid"] = f.Workload.UID
	}
	return map[string]any{
		"source": "tcr-webhook", "policy": "tcr-webhook", "rule": f.Rule, "category": "Registry allow-list",
		"result": f.outcome(), "severity": "medium", "message": f.Site + ": " + f.Text, "resources": []any{resource},
		"properties": map[string]any{"code": f.Code, "action": string(f.Action), "image": f.Image, "site": f.Site, "pods": fmt.Sprint(f.Pods)},
	}
}
