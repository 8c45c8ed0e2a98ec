package statuspage

import (
	"bytes"
	"context"
	"net/http"
)

// Handler serves the page at the path that it is hung under, and nothing else
// there. It asks for a View for each request, which is not to take long.
func Handler(view func(context.Context) *View) http.Handler {
	allowed := policy()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "this page is to be read", http.StatusMethodNotAllowed)
			return
		}
		var page bytes.Buffer
		if err := Write(&page, view(r.Context())); err != nil {
			http.Error(w, "the page could not be written", http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", allowed)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		_, _ = w.Write(page.Bytes()) // the reader is gone: there is nobody to tell
	})
}

// Door sends whoever comes to the address alone to the page.
func Door(page string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		http.Redirect(w, r, page, http.StatusFound)
	})
}
