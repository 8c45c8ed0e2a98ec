package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// guard answers for next when it panics, and ends connections while draining.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer answerPanic(r.Context(), w)
		hurry(w, r)
		if s.phase.Load() == phaseDraining {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// hurry gives the body of r readTimeout to arrive. The server's own ReadTimeout
// would also end connections that wait for their first request.
func hurry(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	// An error means that the connection is gone, or is none.
	_ = control.SetReadDeadline(time.Now().Add(readTimeout))
	r.Body = &arriving{r.Body, control}
}

// arriving is a body that lifts the deadline when it is there: net/http goes
// on reading, and a deadline that passes would look like a caller gone away.
type arriving struct {
	io.ReadCloser
	control *http.ResponseController
}

func (a *arriving) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = a.control.SetReadDeadline(time.Time{}) // as above
	}
	return n, err
}

// answerPanic is to be deferred.
func answerPanic(ctx context.Context, w http.ResponseWriter) {
	if v := recover(); v != nil {
		logf.FromContext(ctx).Error(nil, "A webhook panicked", "panic", describe(v), "stack", string(debug.Stack()))
		panicked().write(w)
	}
}

// describe names a panic without quoting what was panicked with, which may
// hold parts of a pod. What the runtime itself panics with does not.
func describe(v any) string {
	if err, ok := v.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", v)
}
