package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	"k8s.io/client-go/rest"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
)

// slice is how many seconds one namespace has pods created before it is the
// next one's turn.
const slice = 3

// none is the namespace of the bed that no webhook is called for. The others
// are named like their contenders.
const none = "none"

// behind are all namespaces.
func behind() []string { return []string{none, contender.NoOp, contender.Canned, contender.Ours} }

// creations are what pods took to be created, with each webhook and without.
type creations struct {
	// latencies by namespace and slice, in ns from the intended start.
	latencies map[string][][]float64
	losses    map[string]losses
}

// creationInput is the size of the pods.
const creationInput = "6k"

// measureCreations creates pods at a constant rate in namespaces that have
// their pods sent to no webhook, to one that does nothing, to one that has its
// patch in store, and to ours. They take turns slice by slice, each being the
// first as often as the others.
func measureCreations(ctx context.Context, o options, out io.Writer) (_ *creations, err error) {
	namespaces := behind()
	bed, err := startBed(ctx, out, namespaces...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bed.stop()) }()
	hooks := map[string]hook{}
	for _, name := range namespaces[1:] {
		p, err := startProcess(ctx, name)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, p.stop()) }()
		hooks[name] = hook{p.Address, p.CA}
	}
	if err := bed.register(ctx, hooks); err != nil {
		return nil, err
	}
	author, err := newAuthor(bed.cluster.Config())
	if err != nil {
		return nil, err
	}
	if err := author.warmUp(ctx, namespaces); err != nil {
		return nil, err
	}
	c := &creations{latencies: map[string][][]float64{}, losses: map[string]losses{}}
	for i := range max(o.seconds/slice, 1) {
		for j := range namespaces {
			c.add(ctx, author, namespaces[(i+j)%len(namespaces)], o.rate)
		}
	}
	return c, ctx.Err()
}

func (c *creations) add(ctx context.Context, a *author, namespace string, rate int) {
	latencies, lost := openLoop(ctx, slice*rate, time.Second/time.Duration(rate), a.creator(namespace))
	c.latencies[namespace] = append(c.latencies[namespace], latencies)
	lost.join(c.losses[namespace])
	c.losses[namespace] = lost
}

// of are the latencies of some slices of a namespace.
func (c *creations) of(namespace string, slices []int) []float64 {
	var all []float64
	for _, i := range slices {
		all = append(all, c.latencies[namespace][i]...)
	}
	return all
}

// slices are the numbers of all slices.
func (c *creations) slices() []int {
	all := make([]int, len(c.latencies[none]))
	for i := range all {
		all[i] = i
	}
	return all
}

// added is what ours adds at the quantile p, by what another webhook adds, in
// some slices. It is NaN if the other seems to add nothing, or if the rate was
// not held.
func (c *creations) added(by string, p float64, slices []int) float64 {
	at := func(namespace string) float64 { return sample.Quantile(c.of(namespace, slices), p) }
	without := at(none)
	if at(by) <= without || !c.held() {
		return math.NaN()
	}
	return (at(contender.Ours) - without) / (at(by) - without)
}

// most is how late one pod of a hundred may be without any webhook. An API
// server that is later has a queue, and what it says is how long that is.
const most = 100 * time.Millisecond

// held tells whether the API server keeps up with the rate.
func (c *creations) held() bool {
	return sample.Quantile(c.of(none, c.slices()), 0.99) <= float64(most)
}

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
