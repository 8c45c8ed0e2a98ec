package contender

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// newNoOp is what controller-runtime costs before anything is done.
func newNoOp() (http.Handler, error) {
	return instrumented(admission.HandlerFunc(func(context.Context, admission.Request) admission.Response {
		return admission.Allowed("")
	}))
}

// newEcho is what HTTP costs before anything is understood: the body is read
// into memory that was used before, the uid in it found and sent back.
func newEcho() (http.Handler, error) { return newEchoOf(""), nil }

// newEchoOf is an echo that adds some more members to its response.
func newEchoOf(more string) http.Handler {
	e := &echo{more: more + `}}`}
	e.bodies.New = func() any { return new([]byte) }
	return e
}

type echo struct {
	more   string    // what follows in every answer
	bodies sync.Pool // of *[]byte
}

const (
	uidKey = `"uid":"`
	uidLen = 36
)

// ServeHTTP implements http.Handler.
func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	buffer, _ := e.bodies.Get().(*[]byte)
	defer e.bodies.Put(buffer)
	body := slices.Grow((*buffer)[:0], int(r.ContentLength))[:r.ContentLength]
	*buffer = body
	if _, err := io.ReadFull(r.Body, body); err != nil {
		http.Error(w, "review did not arrive", http.StatusBadRequest)
		return
	}
	// The request's own uid is the first of a review as the API server encodes it.
	i := bytes.Index(body, []byte(uidKey)) + len(uidKey)
	if i < len(uidKey) || i+uidLen > len(body) {
		http.Error(w, "no uid", http.StatusBadRequest)
		return
	}
	answer := make([]byte, 0, 192+len(e.more))
	answer = append(answer, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"`...)
	answer = append(answer, body[i:i+uidLen]...)
	answer = append(answer, `","allowed":true`...)
	answer = append(answer, e.more...)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // whoever has gone away needs none
}
