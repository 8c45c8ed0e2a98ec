package main

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
	"github.com/tcr-webhook/tcr-webhook/test/load/machine"
	"github.com/tcr-webhook/tcr-webhook/test/load/openloop"
)

// slice is how many seconds one namespace has pods created before it is the
// next one's turn.
const slice = 3

// none is the namespace of the bed that no webhook is called for. The others
// are named like their contenders.
const none = "none"

// webhooks are the namespaces whose pods are sent to a webhook.
func webhooks() []string { return []string{contender.NoOp, contender.Canned, contender.Ours} }

// behind are all namespaces.
func behind() []string { return append([]string{none, elsewhere}, append(webhooks(), policy)...) }

// creations are what pods took to be created, with each webhook and without.
type creations struct {
	// latencies by namespace and slice, in ns from the intended start.
	latencies map[string][][]float64
	// apiCPU is what the API server spends on a pod, in ns, slice by slice.
	apiCPU map[string]sample.Rounds
	losses map[string]losses
	// unneeded is for the pods of elsewhere.
	unneeded unneeded
	// small is how ours does with little CPU, and floor how the canned one does,
	// which only echoes: what the machine and the API server leave of the time.
	small, floor *held
}

// creationInput is the size of the pods.
const creationInput = "6k"

// measureCreations creates pods at a constant rate in namespaces that have
// their pods sent to no webhook, to one that does nothing, to one that has its
// patch in store, and to ours, that have them changed by the API server itself,
// and whose pods need nothing of us. They take turns slice by slice, each being
// the first as often as the others.
func measureCreations(ctx context.Context, o options, out io.Writer) (_ *creations, err error) {
	namespaces := behind()
	bed, err := startBed(ctx, out, namespaces...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bed.stop()) }()
	hooks := map[string]hook{}
	processes := map[string]*process{}
	for _, name := range webhooks() {
		p, err := startProcess(ctx, name)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, p.stop()) }()
		hooks[name] = hook{p.Address, p.CA}
		processes[name] = p
	}
	if err := errors.Join(bed.register(ctx, hooks), bed.registerPolicy(ctx), bed.registerElsewhere(ctx, hooks[contender.Ours])); err != nil {
		return nil, err
	}
	author, err := newAuthor(bed.cluster.Config())
	if err != nil {
		return nil, err
	}
	if err := author.warmUp(ctx, namespaces); err != nil {
		return nil, err
	}
	c, err := author.measure(ctx, o)
	if err != nil {
		return nil, err
	}
	if c.floor, err = author.measureHeld(ctx, contender.Canned, processes[contender.Canned], o.seconds); err != nil {
		return nil, err
	}
	c.small, err = author.measureHeld(ctx, contender.Ours, processes[contender.Ours], o.seconds)
	return c, err
}

// measure is measureCreations where everything is set up.
func (a *author) measure(ctx context.Context, o options) (*creations, error) {
	apiServer, err := machine.ChildNamed("kube-apiserver")
	if err != nil {
		return nil, err
	}
	c := &creations{latencies: map[string][][]float64{}, apiCPU: map[string]sample.Rounds{}, losses: map[string]losses{}}
	for i := range max(o.seconds/slice, 1) {
		for j := range behind() {
			namespace := behind()[(i+j)%len(behind())]
			if err := c.add(ctx, a, namespace, o.rate, apiServer); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// add is one slice.
func (c *creations) add(ctx context.Context, a *author, namespace string, rate int, apiServer machine.PID) error {
	unneededBefore, err := a.unneededSoFar(ctx)
	if err != nil {
		return err
	}
	before, err := apiServer.CPUTime()
	if err != nil {
		return err
	}
	n := slice * rate
	var latencies []float64
	var lost losses
	openloop.Run(ctx, n, time.Second/time.Duration(rate), a.creator(namespace), func(took time.Duration, err error) {
		if lost.add(err) {
			latencies = append(latencies, float64(took))
		}
	})
	after, err := apiServer.CPUTime()
	if err := errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	unneededAfter, err := a.unneededSoFar(ctx)
	if err != nil {
		return err
	}
	if namespace == elsewhere {
		c.unneeded.seconds += unneededAfter.seconds - unneededBefore.seconds
		c.unneeded.calls += unneededAfter.calls - unneededBefore.calls
	}
	c.apiCPU[namespace] = append(c.apiCPU[namespace], float64(after-before)/float64(n))
	c.latencies[namespace] = append(c.latencies[namespace], latencies)
	lost.join(c.losses[namespace])
	c.losses[namespace] = lost
	return nil
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
// some slices. It is NaN if one of them seems to add nothing, or if the rate was
// not held.
func (c *creations) added(by string, p float64, slices []int) float64 {
	if c.more(by, p, slices) <= 0 || c.more(contender.Ours, p, slices) <= 0 || !c.held(p) {
		return math.NaN()
	}
	return c.more(contender.Ours, p, slices) / c.more(by, p, slices)
}

// more is what pods of a namespace take longer than without any webhook, in ns.
func (c *creations) more(namespace string, p float64, slices []int) float64 {
	return sample.Quantile(c.of(namespace, slices), p) - sample.Quantile(c.of(none, slices), p)
}

// most is how late a pod may be without any webhook. An API server that is
// later has a queue, or the machine has other things to do, and the latency
// tells about that and no longer about webhooks.
const most = 100 * time.Millisecond

// held tells whether the API server keeps up with the rate, at the quantile p.
func (c *creations) held(p float64) bool {
	return sample.Quantile(c.of(none, c.slices()), p) <= float64(most)
}
