package webhook

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"

	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// guard answers for next when it panics, and ends connections while draining.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer answerPanic(r.Context(), w)
		if s.phase.Load() == phaseDraining {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
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
