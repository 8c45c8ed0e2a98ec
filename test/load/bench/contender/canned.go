package contender

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
)

// Canned is the name of an echo that adds a patch which was made beforehand.
// What it costs behind an API server, nobody who mutates can go below: most of
// it is the API server's own work of applying the patch.
const Canned = "canned"

// NewCanned is an echo that answers with what handler answers to review, and
// takes over nothing but the uid of what it is asked. So it must be asked about
// pods of the same shape alone.
func NewCanned(handler http.Handler, review []byte) (http.Handler, error) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, Path+"?timeout=3s", bytes.NewReader(review)) //nolint:noctx // nothing waits
	r.Header.Set("Content-Type", "application/json")
	handler.ServeHTTP(w, r)
	var answer struct {
		Response struct {
			Patch []byte `json:"patch"`
		} `json:"response"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		return nil, err
	}
	if len(answer.Response.Patch) == 0 {
		return nil, errors.New("there is no patch to be canned")
	}
	patch, err := json.Marshal(answer.Response.Patch) // in base64
	if err != nil {
		return nil, err
	}
	return newEchoOf(`,"patchType":"JSONPatch","patch":` + string(patch)), nil
}
