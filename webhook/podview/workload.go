package podview

// WorkloadReview is the part of an AdmissionReview about something that makes
// pods from a template that is read. It may be decoded into again and again.
type WorkloadReview struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Request    WorkloadRequest `json:"request"`
}

// WorkloadRequest is the question of a WorkloadReview.
type WorkloadRequest struct {
	UID         string    `json:"uid"`
	Kind        GroupKind `json:"kind"`
	SubResource string    `json:"subResource"`
	Operation   Operation `json:"operation"`
	Namespace   string    `json:"namespace"`
	Name        string    `json:"name"`
	DryRun      bool      `json:"dryRun"`
	Object      Workload  `json:"object"`
	OldObject   Workload  `json:"oldObject"` // what an Update changes; empty otherwise
}

// Workload is the part of a Deployment, a CronJob and the like that is read.
type Workload struct {
	Metadata struct {
		GenerateName string `json:"generateName"`
	} `json:"metadata"`
	Spec struct {
		Template    Pod `json:"template"`
		JobTemplate struct {
			Spec struct {
				Template Pod `json:"template"`
			} `json:"spec"`
		} `json:"jobTemplate"`
	} `json:"spec"`
}

// Template is what w makes pods from, where w is of the given kind. It is nil
// for a kind that makes none, or that is not known to.
func (w *Workload) Template(kind GroupKind) *Pod {
	switch kind {
	case GroupKind{"apps", "Deployment"}, GroupKind{"apps", "StatefulSet"}, GroupKind{"apps", "DaemonSet"},
		GroupKind{"apps", "ReplicaSet"}, GroupKind{"", "ReplicationController"}, GroupKind{"batch", "Job"}:
		return &w.Spec.Template
	case GroupKind{"batch", "CronJob"}:
		return &w.Spec.JobTemplate.Spec.Template
	}
	return nil
}

// Decode replaces r by what body says, by the rules of Review.Decode.
func (r *WorkloadReview) Decode(body []byte) error {
	*r = WorkloadReview{}
	return decode(body, r)
}
