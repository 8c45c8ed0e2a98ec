package podview

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Review is the part of an admission.k8s.io/v1 AdmissionReview that is read.
// A Review may be decoded into again and again: it keeps its lists' memory.
type Review struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Request    Request `json:"request"`
}

// Request is the question of a Review.
type Request struct {
	UID         string    `json:"uid"`
	Kind        GroupKind `json:"kind"`
	SubResource string    `json:"subResource"`
	Operation   Operation `json:"operation"`
	Namespace   string    `json:"namespace"`
	Name        string    `json:"name"` // empty before the API server has made one
	DryRun      bool      `json:"dryRun"`
	Object      Pod       `json:"object"`
	OldObject   Pod       `json:"oldObject"` // what an Update changes; empty otherwise
}

// GroupKind names a kind of object, whatever its version.
type GroupKind struct {
	Group string `json:"group"`
	Kind  string `json:"kind"`
}

// Operation is what the request does to the object.
type Operation string

// The operations that bring an image into a Pod.
const (
	Create Operation = "CREATE"
	Update Operation = "UPDATE"
)

// Decode replaces r by what body says.
//
// Names are matched by case; unknown ones are passed over, and null is the
// same as absent. Invalid UTF-8, text behind the end and more than 10 000
// levels are errors. Duplicate names are not looked for, since that would take
// half of the time: the API server encodes what it sends from its own objects
// and never sends any. Errors name a place in body and never quote it, since
// the environment of a container may hold secrets.
func (r *Review) Decode(body []byte) error {
	r.reset()
	if err := json.Unmarshal(body, r, jsontext.AllowDuplicateNames(true)); err != nil {
		return fmt.Errorf("decode admission review: %w", placeOf(err))
	}
	return nil
}

// placeOf keeps of a decoding error where it arose.
func placeOf(err error) error {
	if errors.Is(err, errTooManyItems) {
		return errTooManyItems
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("unexpected kind of value at byte %d", e.ByteOffset)
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("malformed JSON at byte %d", e.ByteOffset)
	}
	return errors.New("malformed JSON")
}

// reset empties r and keeps the memory of its lists.
func (r *Review) reset() {
	object, old := r.Request.Object.emptied(), r.Request.OldObject.emptied()
	*r = Review{Request: Request{Object: object, OldObject: old}}
}
