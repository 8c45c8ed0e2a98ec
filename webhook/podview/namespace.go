package podview

// NamespaceReview is the part of an AdmissionReview about a Namespace that is
// read. It may be decoded into again and again.
type NamespaceReview struct {
	APIVersion string           `json:"apiVersion"`
	Kind       string           `json:"kind"`
	Request    NamespaceRequest `json:"request"`
}

// NamespaceRequest is the question of a NamespaceReview.
type NamespaceRequest struct {
	UID         string    `json:"uid"`
	Kind        GroupKind `json:"kind"`
	SubResource string    `json:"subResource"`
	Operation   Operation `json:"operation"`
	Name        string    `json:"name"`
	DryRun      bool      `json:"dryRun"`
	Object      Namespace `json:"object"`
	OldObject   Namespace `json:"oldObject"` // what an Update changes; empty otherwise
}

// Namespace is the part of a Namespace that is read.
type Namespace struct {
	Metadata struct {
		Name              string               `json:"name"`
		DeletionTimestamp string               `json:"deletionTimestamp"` // empty: not being deleted
		Labels            map[string]string    `json:"labels"`
		Annotations       NamespaceAnnotations `json:"annotations"`
	} `json:"metadata"`
}

// NamespaceAnnotations are those that are read.
type NamespaceAnnotations struct {
	Deliver string `json:"tcr-webhook.io/deliver"` // Annotation of package delivery
}

// Decode replaces r by what body says, by the rules of Review.Decode.
func (r *NamespaceReview) Decode(body []byte) error {
	*r = NamespaceReview{}
	return decode(body, r)
}
