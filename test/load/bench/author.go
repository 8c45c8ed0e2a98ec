package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	corev1 "k8s.io/api/core/v1"
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
	// another is pod with images of another registry.
	another []byte
}

func newAuthor(config *rest.Config) (*author, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	for _, size := range reviews.Sizes() {
		if size.Name == creationInput {
			pod, err := json.Marshal(size.Pod())
			return &author{client, config.Host, pod, bytes.ReplaceAll(pod, []byte(contender.PublicHost), []byte(anotherHost))}, err
		}
	}
	return nil, fmt.Errorf("no usual pod is named %q", creationInput)
}

// creator creates a pod in namespace, one for each call.
func (a *author) creator(namespace string) func(context.Context) error {
	return func(ctx context.Context) error { return a.create(ctx, namespace) }
}

func (a *author) create(ctx context.Context, namespace string) error {
	created, err := a.created(ctx, namespace)
	if err != nil {
		return err
	}
	if mutates(namespace) && !bytes.Contains(created, []byte(contender.PrivateHost)) {
		return errUnmutated
	}
	return nil
}

// mutates tells whether pods of the namespace are to be changed.
func mutates(namespace string) bool {
	return namespace == contender.Ours || namespace == contender.Canned || namespace == policy
}

// created is the pod as the API server has stored it.
func (a *author) created(ctx context.Context, namespace string) ([]byte, error) {
	pod := a.pod
	if namespace == elsewhere {
		pod = a.another
	}
	url := a.host + "/api/v1/namespaces/" + namespace + "/pods"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(pod))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := a.client.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("create pod in %s: %s: %.300s", namespace, resp.Status, body)
	}
	return body, nil
}

// warmUp waits for the registrations to be in force, sees to it that all who
// mutate make the same of a pod, and has everything called often enough to be
// awake.
func (a *author) warmUp(ctx context.Context, namespaces []string) error {
	for _, namespace := range namespaces {
		err := eventually(ctx, func() (bool, error) {
			err := a.create(ctx, namespace)
			if errors.Is(err, errUnmutated) {
				return false, nil
			}
			return err == nil, err
		})
		if err != nil {
			return err
		}
	}
	if err := a.compare(ctx, namespaces); err != nil {
		return err
	}
	for range warmUp {
		for _, namespace := range namespaces {
			if err := a.create(ctx, namespace); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare disqualifies who makes another pod of it than ours.
func (a *author) compare(ctx context.Context, namespaces []string) error {
	want, err := a.outcome(ctx, contender.Ours)
	if err != nil {
		return err
	}
	for _, namespace := range namespaces {
		if !mutates(namespace) {
			continue
		}
		got, err := a.outcome(ctx, namespace)
		if err != nil {
			return err
		}
		if err := contender.Same(want, got); err != nil {
			return fmt.Errorf("%s is disqualified: %w", namespace, err)
		}
	}
	return nil
}

// outcome is what of a pod depends on who changes it.
func (a *author) outcome(ctx context.Context, namespace string) ([]byte, error) {
	created, err := a.created(ctx, namespace)
	if err != nil {
		return nil, err
	}
	var pod corev1.Pod
	if err := json.Unmarshal(created, &pod); err != nil {
		return nil, err
	}
	for i := range pod.Spec.Containers {
		pod.Spec.Containers[i].VolumeMounts = nil // of the ServiceAccount's token, whose volume has a name by chance
	}
	return json.Marshal(map[string]any{
		"annotations": pod.Annotations, "containers": pod.Spec.Containers, "imagePullSecrets": pod.Spec.ImagePullSecrets,
	})
}
