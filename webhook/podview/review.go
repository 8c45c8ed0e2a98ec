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
	APIVersion string
	Kind       string
	Request    Request

	words *words
}

// Request is the question of a Review.
type Request struct {
	UID         string
	Kind        GroupKind
	SubResource string
	Operation   Operation
	Namespace   string
	Name        string // empty before the API server has made one
	DryRun      bool
	Object      Pod
	OldObject   Pod // what an Update changes; empty otherwise
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
	return decode(body, r)
}

// decode is Decode into any of the reviews.
func decode(body []byte, into any) error {
	var err error
	if apart(body) {
		err = onOwnStack(func() error { return unmarshal(body, into) })
	} else {
		err = unmarshal(body, into)
	}
	if err != nil {
		return fmt.Errorf("decode admission review: %w", placeOf(err))
	}
	return nil
}

func unmarshal(body []byte, into any) error {
	return json.Unmarshal(body, into, jsontext.AllowDuplicateNames(true))
}

// placeOf keeps of a decoding error where it arose.
func placeOf(err error) error {
	if errors.Is(err, errTooManyItems) {
		return errTooManyItems
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("malformed JSON at byte %d", e.ByteOffset)
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("unexpected kind of value at byte %d", e.ByteOffset)
	}
	return errors.New("malformed JSON")
}

// reset empties r and keeps its memory.
func (r *Review) reset() {
	if r.words == nil {
		r.words = new(words)
	}
	object, old := r.Request.Object.emptied(), r.Request.OldObject.emptied()
	*r = Review{Request: Request{Object: object, OldObject: old}, words: r.words}
}

// UnmarshalJSONFrom is for Decode.
func (r *Review) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	in := reader{dec, r.words}
	_, err := in.object(func(name []byte) error {
		switch string(name) {
		case "apiVersion":
			return in.text(&r.APIVersion)
		case "kind":
			return in.text(&r.Kind)
		case "request":
			return r.Request.read(in)
		}
		return in.skip()
	})
	return err
}

func (q *Request) read(r reader) error {
	_, err := r.object(func(name []byte) error {
		switch string(name) {
		case "uid":
			uid, err := r.string() // of this review alone
			q.UID = string(uid)
			return err
		case "kind":
			return q.Kind.read(r)
		case "subResource":
			return r.text(&q.SubResource)
		case "operation":
			return r.text((*string)(&q.Operation))
		case "namespace":
			return r.text(&q.Namespace)
		case "name":
			return r.text(&q.Name)
		case "dryRun":
			return r.bool(&q.DryRun)
		case "object":
			return q.Object.read(r)
		case "oldObject":
			return q.OldObject.read(r)
		}
		return r.skip()
	})
	return err
}

func (k *GroupKind) read(r reader) error {
	_, err := r.object(func(name []byte) error {
		switch string(name) {
		case "group":
			return r.text(&k.Group)
		case "kind":
			return r.text(&k.Kind)
		}
		return r.skip()
	})
	return err
}
