package health

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/release"
)

// Severity is how bad a finding is.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // pods are not served, or will not be
	Warning Severity = "warning" // somebody should look at it
)

// Finding is one thing that is wrong.
type Finding struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	// About is an instance, or empty.
	About string `json:"about,omitempty"`
	Text  string `json:"text"`
	// Next says what to do.
	Next string `json:"next"`
	// Link leads to what the code means.
	Link string `json:"link"`
}

// Linked gives findings their links.
func Linked(found []Finding) []Finding {
	for i := range found {
		found[i].Link = release.Link(found[i].Code)
	}
	return found
}

// Report is how an installation is.
type Report struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Version of the server, as it says itself.
	Version    string `json:"version,omitempty"`
	Kubernetes string `json:"kubernetes,omitempty"`
	Server     string `json:"server"`
	Namespace  string `json:"namespace"`
	Want       int32  `json:"replicas"`
	Ready      int32  `json:"readyReplicas"`
	Leader     string `json:"leader,omitempty"`
	Endpoints  int    `json:"endpoints"`
	// FailurePolicy is what becomes of ordinary pods when nobody answers.
	FailurePolicy string `json:"failurePolicy,omitempty"`
	// CertificateExpires is absent where it is not known.
	CertificateExpires *metav1.Time `json:"certificateExpires,omitempty"`
	// StaleSince is since when nobody keeps the status; absent while somebody does.
	StaleSince *metav1.Time `json:"staleSince,omitempty"`
	// Conditions and Instances are the server's own, the worst instances first.
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	Instances  []Instance         `json:"instances,omitempty"`
	Secrets    map[string]int     `json:"secrets,omitempty"`
	// Findings are what is wrong, the worst first.
	Findings []Finding `json:"findings"`
	// NotChecked is what could not be looked at.
	NotChecked []Unseen `json:"notChecked,omitempty"`
}

// Instance is how it stands with one instance, and what is wrong with it.
type Instance struct {
	status.Instance
	Codes []string `json:"codes,omitempty"`
	worst Severity
}

// Ignore takes out what has one of these codes.
func (r *Report) Ignore(codes ...string) {
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return slices.Contains(codes, f.Code) })
	for i := range r.Instances {
		one := r.Instances[i].Instance
		r.Instances[i] = judged(one, slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.About != one.ID }))
	}
}

// Worst is how bad the worst finding is; empty for none.
func (r *Report) Worst() Severity {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.Findings[0].Severity
}

// Worst is how bad the worst finding about the instance is; empty for none.
func (i *Instance) Worst() Severity { return i.worst }

func rank(s Severity) int { return slices.Index([]Severity{Error, Warning, ""}, s) }

// Judge makes a report of what was seen.
func Judge(f *Facts) *Report {
	r := &Report{
		APIVersion: status.APIVersion, Kind: "StatusReport", Kubernetes: f.Kubernetes, Server: f.Server, Namespace: f.Namespace,
		Endpoints: f.Endpoints, NotChecked: f.Unseen, FailurePolicy: failurePolicy(f.Live.Mutating), Findings: []Finding{},
	}
	if f.Deployment != nil {
		r.Want, r.Ready = f.Deployment.Want, f.Deployment.Ready
	}
	if f.Lease.held(f.Now) {
		r.Leader = f.Lease.Holder
	}
	r.Findings = append(r.Findings, f.installation()...)
	r.Findings = append(r.Findings, f.freshness(r)...)
	if d := f.Document; d != nil {
		r.Version, r.Conditions, r.Secrets = d.Version, d.Conditions, d.Secrets
		for _, c := range d.Certificates {
			if c.Kind == "serving" {
				r.CertificateExpires = &c.NotAfter
			}
		}
		r.Findings = append(r.Findings, conditions(d)...)
		for _, i := range d.Instances {
			found := instance(&i, f.Now)
			r.Findings = append(r.Findings, found...)
			r.Instances = append(r.Instances, judged(i, found))
		}
	}
	r.Findings = Linked(r.Findings)
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(rank(a.Severity), rank(b.Severity)) })
	slices.SortStableFunc(r.Instances, func(a, b Instance) int { return cmp.Compare(rank(a.worst), rank(b.worst)) })
	return r
}

func judged(i status.Instance, found []Finding) Instance {
	j := Instance{Instance: i}
	for _, f := range found {
		j.Codes = append(j.Codes, f.Code)
		if rank(f.Severity) < rank(j.worst) {
			j.worst = f.Severity
		}
	}
	return j
}

// freshness says how far the document can be believed. Its keeper writes it only
// when something has changed, so that its own age says nothing.
func (f *Facts) freshness(r *Report) []Finding {
	switch {
	case f.unseen(ThingDocument) || f.unseen(ThingLease):
		return nil
	case f.Document == nil:
		return []Finding{{Code: "TCR107", Severity: Warning, Text: "there is no status yet (ConfigMap " + status.ConfigMapName + ")", Next: "Wait until a replica leads; it is written within seconds of that."}}
	case f.Lease.held(f.Now):
		return nil
	}
	finding := Finding{Code: "TCR103", Severity: Error, Text: "no replica leads, so that nothing is renewed, and what is said below may be over", Next: "See why no pod becomes ready: kubectl -n " + f.Namespace + " get pods, and their logs."}
	if f.Lease != nil && !f.Lease.Renewed.IsZero() {
		since := metav1.NewTime(f.Lease.Renewed)
		r.StaleSince = &since
		finding.Text = "no replica has led since " + since.UTC().Format(time.RFC3339) + ": nothing is renewed, and what is said below is of then"
	}
	return []Finding{finding}
}

// Codes are all that findings of this package have. They stay what they are.
func Codes() []string {
	codes := []string{"TCR101", "TCR102", "TCR103", "TCR104", "TCR105", "TCR107", "TCR108", "TCR109", "TCR128", "TCR401", "TCR402", "TCR403", "TCR404", "TCR701"}
	for _, a := range ofConditions() {
		codes = append(codes, a.code)
	}
	for _, code := range routeCodes() {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}
