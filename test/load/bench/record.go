package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
)

// recorder keeps the last review it was asked and allows all.
type recorder struct {
	echo http.Handler
	last atomic.Pointer[[]byte]
}

// ServeHTTP implements http.Handler.
func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "review did not arrive", http.StatusBadRequest)
		return
	}
	rec.last.Store(&body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec.echo.ServeHTTP(w, r)
}

// recordReviews writes what a real API server asks about the usual pods when
// their ReplicaSet creates them.
func recordReviews(ctx context.Context, dir string, out io.Writer) (err error) {
	bed, err := startBed(ctx, out, reviews.Namespace)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bed.stop()) }()
	floor, err := contender.Named(contender.Echo)
	if err != nil {
		return err
	}
	echo, err := floor.New()
	if err != nil {
		return err
	}
	rec := &recorder{echo: echo}
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	go func() { _ = l.serve(rec) }() // ends with the program
	if err := bed.register(ctx, map[string]hook{reviews.Namespace: {l.address, l.ca}}); err != nil {
		return err
	}
	return recordAll(ctx, bed, rec, dir)
}

func recordAll(ctx context.Context, bed *bed, rec *recorder, dir string) error {
	config, err := bed.cluster.UserConfig("system:serviceaccount:kube-system:replicaset-controller",
		"system:serviceaccounts", "system:serviceaccounts:kube-system")
	if err != nil {
		return err
	}
	config.UserAgent = "kube-controller-manager" // which names the manager of managedFields
	c, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	for _, size := range reviews.Sizes() {
		called := func() (bool, error) {
			pod := size.Pod()
			pod.Namespace = reviews.Namespace
			err := c.Create(ctx, pod)
			return rec.last.Load() != nil, err
		}
		if err := eventually(ctx, called); err != nil {
			return fmt.Errorf("create pod of %s: %w", size.Name, err)
		}
		body := *rec.last.Swap(nil)
		if err := os.WriteFile(filepath.Join(dir, size.Name+".json"), body, 0o644); err != nil {
			return err
		}
	}
	return nil
}
