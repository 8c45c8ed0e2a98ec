package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencentcloud"
	"github.com/tcr-webhook/tcr-webhook/test/load/machine"
	"github.com/tcr-webhook/tcr-webhook/test/load/openloop"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// kind is what else happens while admissions are asked for.
type kind string

// The kinds.
const (
	quiet    kind = "quiet"
	hung     kind = "cloud hung"
	wave     kind = "wave"
	waveHung kind = "wave, cloud hung"
)

const (
	// sliceCalls is how many calls each endpoint gets in a slice, one every
	// sliceEvery: 40 a second to each replica, which with three of them is twice
	// the churn of a cluster that keeps to Kubernetes' limits (20 pods a second).
	sliceCalls, sliceEvery = 200, 25 * time.Millisecond
	// blockSlices is how many slices there are until the cloud begins to hang, or
	// ends to: twenty seconds, so that calls to it do hang for long.
	blockSlices = 4
	// quietBlocks is how many there are of each kind before the wave, and as many
	// after it.
	quietBlocks = 3
	// coldPods is how many new namespaces get their first pod in a slice of the
	// cold ones, coldEvery apart for each replica, and coldSlices how many there
	// are of each kind.
	coldPods, coldEvery, coldSlices = 20, 300 * time.Millisecond, 4
)

// slice is a while in which one thing happens, and how admissions were answered.
type slice struct {
	kind
	calls
	cpu time.Duration // of all replicas
	own own
}

// answers asks for admissions. Use startAnswers.
type answers struct {
	bed    *bed
	caller *helper
	echo   *helper

	namespaces  int // with a Secret
	warm, cold  []slice
	hangingCall int // calls of the cloud that came while it hung
	fresh       int // namespaces made for the cold slices
}

// startAnswers starts a caller of all replicas, and of a webhook that does
// nothing, by which one sees what the machine does.
func startAnswers(ctx context.Context, b *bed, namespaces int) (_ *answers, err error) {
	a := &answers{bed: b, namespaces: namespaces}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.stop())
		}
	}()
	if a.echo, err = startHelper(ctx, echoCommand); err != nil {
		return nil, err
	}
	var control endpoint
	if err := a.echo.out.Decode(&control); err != nil {
		return nil, fmt.Errorf("start %s: %w", echoCommand, err)
	}
	endpoints, err := b.replicas(ctx)
	if err != nil {
		return nil, err
	}
	if a.caller, err = startHelper(ctx, callCommand); err != nil {
		return nil, err
	}
	if err := a.caller.in.Encode(append(endpoints, control)); err != nil {
		return nil, err
	}
	_, err = a.ask(order{Endpoints: replicas + 1, Calls: sliceCalls, Every: sliceEvery, Namespaces: a.some()}) // which connects
	return a, err
}

func (a *answers) stop() error {
	var err error
	for _, h := range []*helper{a.caller, a.echo} {
		if h != nil {
			err = errors.Join(err, h.stop())
		}
	}
	return err
}

// replicas are the endpoints that the Service has, by the certificate that the
// API server knows them by.
func (b *bed) replicas(ctx context.Context) ([]endpoint, error) {
	var hooks admissionregistrationv1.MutatingWebhookConfiguration
	if err := b.Client.Get(ctx, client.ObjectKey{Name: "zz-tcr-webhook"}, &hooks); err != nil {
		return nil, err
	}
	service := hooks.Webhooks[0].ClientConfig
	var all []endpoint
	for _, s := range b.Servers {
		all = append(all, endpoint{
			Address: s.Address, ServerName: service.Service.Name + "." + service.Service.Namespace + ".svc", CA: service.CABundle, Mutates: true,
		})
	}
	return all, nil
}

// some are namespaces that have their Secret.
func (a *answers) some() []string {
	names := make([]string, sliceCalls)
	for i := range names {
		names[i] = fmt.Sprintf("team-%d", rand.IntN(a.namespaces))
	}
	return names
}

func (a *answers) ask(o order) (c calls, err error) {
	if err := a.caller.in.Encode(o); err != nil {
		return c, fmt.Errorf("order calls: %w", err)
	}
	if err := a.caller.out.Decode(&c); err != nil {
		return c, fmt.Errorf("wait for calls: %w", err)
	}
	return c, nil
}

// measure has calls made and takes down what they cost the replicas.
func (a *answers) measure(ctx context.Context, k kind, o order) (slice, error) {
	s := slice{kind: k}
	ownBefore, err := a.bed.own(ctx)
	if err != nil {
		return s, err
	}
	before, err := a.bed.cpuTime()
	if err != nil {
		return s, err
	}
	if s.calls, err = a.ask(o); err != nil {
		return s, err
	}
	after, err := a.bed.cpuTime()
	if err != nil {
		return s, err
	}
	ownAfter, err := a.bed.own(ctx)
	s.cpu, s.own = after-before, ownAfter.less(ownBefore)
	return s, errors.Join(err, ctx.Err())
}

// warmly measures slices of calls whose namespaces have their Secrets: blocks in
// which the cloud answers and others in which it hangs, by turns, until ended
// says so at the end of a slice, which then does not count.
func (a *answers) warmly(ctx context.Context, working, hanging kind, ended func() bool) error {
	for i := 0; ; i++ {
		k := working
		if i/blockSlices%2 == 1 {
			k = hanging
		}
		if i%blockSlices == 0 {
			if err := a.cloud(ctx, k == hanging); err != nil {
				return err
			}
		}
		s, err := a.measure(ctx, k, order{Endpoints: replicas + 1, Calls: sliceCalls, Every: sliceEvery, Namespaces: a.some()})
		if err != nil {
			return err
		}
		if ended() {
			return a.cloud(ctx, false)
		}
		a.warm = append(a.warm, s)
	}
}

// blocks is for warmly to go on for so many blocks.
func blocks(n int) func() bool {
	slices := 0
	return func() bool { slices++; return slices > n*blockSlices }
}

// cloud has the cloud hang, or answer.
func (a *answers) cloud(ctx context.Context, hangs bool) error {
	if hangs {
		a.hangingCall -= a.bed.calls()
		a.bed.Cloud.SetFault(tencentcloud.AnyAction, tencent.Fault{Hang: true})
		return nil
	}
	if len(a.bed.Cloud.Faults()) > 0 {
		a.hangingCall += a.bed.calls()
	}
	a.bed.Cloud.ClearFaults()
	return openloop.Pause(ctx, time.Second) // for what was held up
}

// calls is how many the cloud has had.
func (b *bed) calls() int {
	n := 0
	for _, action := range b.Cloud.Actions() {
		n += len(b.Cloud.Calls(action))
	}
	return n
}

// coldly measures first pods of namespaces that are new, which have to wait for
// their Secrets to be written.
func (a *answers) coldly(ctx context.Context) error {
	for i := range 2 * coldSlices {
		k := []kind{quiet, hung}[i%2]
		names, err := a.newNamespaces(ctx)
		if err != nil {
			return err
		}
		if err := a.cloud(ctx, k == hung); err != nil {
			return err
		}
		s, err := a.measure(ctx, k, order{Endpoints: replicas, Calls: coldPods, Every: coldEvery, Namespaces: names})
		if err != nil {
			return err
		}
		a.cold = append(a.cold, s)
	}
	return a.cloud(ctx, false)
}

func (a *answers) newNamespaces(ctx context.Context) ([]string, error) {
	names := make([]string, replicas*coldPods)
	for i := range names {
		names[i] = fmt.Sprintf("new-%d", a.fresh)
		a.fresh++
		if err := a.bed.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: names[i]}}); err != nil {
			return nil, fmt.Errorf("create namespace: %w", err)
		}
	}
	return names, nil
}

// cpuTime is that of all replicas.
func (b *bed) cpuTime() (sum time.Duration, err error) {
	for _, s := range b.Servers {
		t, err := machine.PID(s.PID()).CPUTime()
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// awaitSecond returns when the second instance, whose token is short, has one.
func (b *bed) awaitSecond(ctx context.Context) error {
	return until(ctx, time.Minute, "a token of "+secondID, func() bool {
		for _, c := range b.Cloud.Calls(issue) {
			if c.Params["RegistryId"] == secondID && c.Answered {
				return true
			}
		}
		return false
	})
}

// issued is how many tokens of the first instance were asked for.
func (b *bed) issued() int {
	n := 0
	for _, c := range b.Cloud.Calls(issue) {
		if c.Params["RegistryId"] == stack.InstanceID {
			n++
		}
	}
	return n
}
