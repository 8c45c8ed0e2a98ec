package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"k8s.io/client-go/rest"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
)

// author creates pods as fast as a client can: the pod is encoded once, and the
// answer only looked through.
type author struct {
	client *http.Client
	host   string
	pod    []byte
}

func newAuthor(config *rest.Config) (*author, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	for _, size := range reviews.Sizes() {
		if size.Name == creationInput {
			pod, err := json.Marshal(size.Pod())
			return &author{client, config.Host, pod}, err
		}
	}
	return nil, fmt.Errorf("no usual pod is named %q", creationInput)
}

// creator creates a pod in namespace, one for each call.
func (a *author) creator(namespace string) func(context.Context) error {
	return func(ctx context.Context) error { return a.create(ctx, namespace) }
}

func (a *author) create(ctx context.Context, namespace string) error {
	url := a.host + "/api/v1/namespaces/" + namespace + "/pods"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(a.pod))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := a.client.Do(r)
	if err != nil {
		return err
	}
	created, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("create pod in %s: %s", namespace, resp.Status)
	}
	mutates := namespace == contender.Ours || namespace == contender.Canned
	if mutates && !bytes.Contains(created, []byte(contender.PrivateHost)) {
		return errUnmutated
	}
	return nil
}

// warmUp waits for the registration to be in force and has everything called
// often enough to be awake.
func (a *author) warmUp(ctx context.Context, namespaces []string) error {
	err := eventually(ctx, func() (bool, error) {
		err := a.create(ctx, contender.Ours)
		if errors.Is(err, errUnmutated) {
			return false, nil
		}
		return err == nil, err
	})
	for range warmUp {
		for _, namespace := range namespaces {
			if err == nil {
				err = a.create(ctx, namespace)
			}
		}
	}
	return err
}
