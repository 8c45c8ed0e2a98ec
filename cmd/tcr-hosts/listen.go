//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	// stuckAfter this many intervals and the grace the agent counts as stuck,
	// as a disk that hangs makes it.
	stuckAfter = 3
	stuckGrace = 30 * time.Second
	// patience with a caller that sends or reads slowly.
	patience = 5 * time.Second
)

// answer speaks of the agent to whoever connects to listener, until ctx ends.
func answer(ctx context.Context, listener net.Listener, a *agent) error {
	server := &http.Server{
		Handler: a.handler(), MaxHeaderBytes: 4 << 10,
		ReadTimeout: patience, WriteTimeout: patience, IdleTimeout: time.Minute,
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // Serve tells
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answer at %s: %w", listener.Addr(), err)
	}
	return nil
}

func (a *agent) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		fmt.Fprint(w, a.metrics())
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if v := a.view.Load(); v != nil && time.Since(v.at) > stuckAfter*a.interval+stuckGrace {
			http.Error(w, "has not looked at the hosts file since "+v.at.Format(time.RFC3339), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		v := a.view.Load()
		if v == nil {
			v = &view{}
		}
		if v.err() != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(w, v)
	})
	return mux
}
