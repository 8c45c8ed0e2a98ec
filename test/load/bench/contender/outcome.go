package contender

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	differ "gomodules.xyz/jsonpatch/v2"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
)

// Outcome is the object of review after the handler's patch, applied by the
// library that the API server applies it with.
func Outcome(handler http.Handler, review []byte) ([]byte, error) {
	r := httptest.NewRequest(http.MethodPost, Path+"?timeout=3s", bytes.NewReader(review)) //nolint:noctx // nothing waits
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("answered with status %d", w.Code)
	}
	var question, answer admissionv1.AdmissionReview
	if err := errors.Join(json.Unmarshal(review, &question), json.Unmarshal(w.Body.Bytes(), &answer)); err != nil {
		return nil, fmt.Errorf("read question and answer: %w", err)
	}
	if answer.Response == nil || !answer.Response.Allowed || answer.Response.UID != question.Request.UID {
		return nil, errors.New("did not allow the request that was asked about")
	}
	return apply(question.Request.Object.Raw, answer.Response.Patch)
}

func apply(object, patch []byte) ([]byte, error) {
	if len(patch) == 0 {
		return object, nil
	}
	operations, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, fmt.Errorf("decode patch: %w", err)
	}
	changed, err := operations.Apply(object)
	if err != nil {
		return nil, fmt.Errorf("apply patch: %w", err)
	}
	return changed, nil
}

// maxDifferences is how many are named of two objects.
const maxDifferences = 3

// Same is nil if two objects mean the same, or else an error that says what
// has to be done to want to make it got.
func Same(want, got []byte) error {
	if jsonpatch.Equal(want, got) {
		return nil
	}
	operations, err := differ.CreatePatch(want, got)
	if err != nil {
		return fmt.Errorf("compare objects: %w", err)
	}
	var list []string
	for _, o := range operations[:min(maxDifferences, len(operations))] {
		list = append(list, o.Operation+" "+o.Path)
	}
	return fmt.Errorf("another object comes out: %s", strings.Join(list, ", "))
}
