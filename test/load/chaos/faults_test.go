package chaos

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// What a fault may lead to.
var (
	served    = reply{status: http.StatusOK}
	elsewhere = reply{status: http.StatusServiceUnavailable, retryAfter: "0", closes: true} // another replica, at once
	later     = reply{status: http.StatusServiceUnavailable, retryAfter: "1"}
	noAnswer  = reply{} // no connection, or none in time
)

// fault is something that goes wrong at a place where the handler or the
// server calls out to.
type fault struct {
	name        string
	edit        func(*webhook.PodsOptions)
	certificate func() (*tls.Certificate, error)
	want        reply // of the first call
	// heals: the API server's call succeeds all the same, since it calls again.
	heals bool
}

const (
	// faultTimeout is the timeout of the calls about faults, in seconds.
	faultTimeout = 2
	// tooLong is longer than that, and awhile less than half of it, which is
	// how long a call is held.
	tooLong = 2300 * time.Millisecond
	awhile  = 300 * time.Millisecond
)

func faults() []fault {
	list := append(snapshotFaults(), namespaceFaults()...)
	list = append(list, serviceAccountFaults()...)
	list = append(list, secretFaults()...)
	return append(list, certificateFaults()...)
}

// certificateFaults are of ServerOptions.GetCertificate.
func certificateFaults() []fault {
	return []fault{
		{name: "no certificate", certificate: func() (*tls.Certificate, error) { return nil, errors.New("no certificate yet") }, want: noAnswer},
		{name: "a panicking certificate", certificate: func() (*tls.Certificate, error) { panic("certificate") }, want: noAnswer},
		{name: "an empty certificate", certificate: func() (*tls.Certificate, error) { return &tls.Certificate{}, nil }, want: noAnswer},
	}
}

// snapshotFaults are of PodsOptions.Snapshot, whose fault calls what was there
// before as next.
func snapshotFaults() []fault {
	of := func(f func(next func() *webhook.State) *webhook.State) func(*webhook.PodsOptions) {
		return func(o *webhook.PodsOptions) {
			next := o.Snapshot
			o.Snapshot = func() *webhook.State { return f(next) }
		}
	}
	type get = func() *webhook.State
	return []fault{
		{name: "no snapshot", edit: of(func(get) *webhook.State { return nil }), want: later},
		{name: "a snapshot after a while", edit: func(o *webhook.PodsOptions) {
			next, start := o.Snapshot, time.Now()
			o.Snapshot = func() *webhook.State {
				if time.Since(start) < awhile {
					return nil
				}
				return next()
			}
		}, want: served},
		{name: "a snapshot with nothing in it", edit: of(func(get) *webhook.State { return &webhook.State{} }), want: elsewhere},
		{name: "a panicking snapshot", edit: of(func(get) *webhook.State { panic("snapshot") }), want: elsewhere},
		{name: "an aborting snapshot", edit: of(func(get) *webhook.State { panic(http.ErrAbortHandler) }), want: elsewhere},
		{name: "a snapshot that panics once", edit: func(o *webhook.PodsOptions) {
			next, calls := o.Snapshot, new(atomic.Int32)
			o.Snapshot = func() *webhook.State {
				panicOnce(calls)
				return next()
			}
		}, want: elsewhere, heals: true},
		{name: "a slow snapshot", edit: of(func(next get) *webhook.State { time.Sleep(awhile); return next() }), want: served},
		{name: "a snapshot that takes too long", edit: of(func(next get) *webhook.State { time.Sleep(tooLong); return next() }), want: noAnswer},
	}
}

func panicOnce(calls *atomic.Int32) {
	if calls.Add(1) == 1 {
		panic("once")
	}
}

// namespaceFaults are of PodsOptions.Namespaces.
func namespaceFaults() []fault {
	of := func(f webhook.Namespaces) func(*webhook.PodsOptions) {
		return func(o *webhook.PodsOptions) { o.Namespaces = f }
	}
	unknown := func(string) (map[string]string, bool) { return nil, false }
	return []fault{
		{name: "panicking namespaces", edit: of(func(string) (map[string]string, bool) { panic("namespaces") }), want: elsewhere},
		{name: "an unknown namespace whose labels do not matter", edit: of(unknown), want: served},
		{name: "an unknown namespace whose labels matter", edit: func(o *webhook.PodsOptions) { byLabel(o); o.Namespaces = unknown }, want: later},
		{name: "a namespace that is known after a while", edit: func(o *webhook.PodsOptions) {
			byLabel(o)
			start := time.Now()
			o.Namespaces = func(string) (map[string]string, bool) {
				return map[string]string{"tier": "gold"}, time.Since(start) > awhile
			}
		}, want: served},
		{name: "slow namespaces", edit: of(func(string) (map[string]string, bool) { time.Sleep(awhile); return nil, true }), want: served},
		{name: "namespaces that take too long", edit: of(func(string) (map[string]string, bool) { time.Sleep(tooLong); return nil, true }), want: noAnswer},
	}
}

// byLabel makes the instance serve only namespaces with a label.
func byLabel(o *webhook.PodsOptions) {
	state := *o.Snapshot()
	labelled, err := registry.SelectNamespaces(nil, labels.SelectorFromSet(labels.Set{"tier": "gold"}))
	if err != nil {
		panic(err) // there are no patterns to be wrong
	}
	entry := state.Directory.Serving(registry.Namespace{Name: "team-a"})[0]
	entry.Namespaces = labelled
	state.Directory, _ = registry.NewDirectory([]registry.Entry{entry})
	o.Snapshot = func() *webhook.State { return &state }
}

// serviceAccountFaults are of PodsOptions.ServiceAccounts.
func serviceAccountFaults() []fault {
	of := func(f webhook.ServiceAccounts) func(*webhook.PodsOptions) {
		return func(o *webhook.PodsOptions) { o.ServiceAccounts = f }
	}
	return []fault{
		{name: "panicking service accounts", edit: of(func(string, string) (map[string]string, bool) { panic("service accounts") }), want: elsewhere},
		{name: "an unknown service account", edit: of(func(string, string) (map[string]string, bool) { return nil, false }), want: served},
		{name: "slow service accounts", edit: of(func(string, string) (map[string]string, bool) { time.Sleep(awhile); return nil, true }), want: served},
	}
}

// secretFaults are of PodsOptions.PullSecrets.
func secretFaults() []fault {
	of := func(f secretsFunc) func(*webhook.PodsOptions) {
		return func(o *webhook.PodsOptions) { o.PullSecrets = f }
	}
	warn := func(text string) func(*webhook.PodsOptions) {
		return of(func(context.Context, webhook.Need) webhook.Delivery { return webhook.Delivery{Warning: text} })
	}
	return []fault{
		{name: "panicking pull secrets", edit: of(func(context.Context, webhook.Need) webhook.Delivery { panic(errors.New("secrets")) }), want: elsewhere},
		{name: "pull secrets that panic once", edit: func(o *webhook.PodsOptions) {
			calls := new(atomic.Int32)
			o.PullSecrets = secretsFunc(func(context.Context, webhook.Need) webhook.Delivery {
				panicOnce(calls)
				return webhook.Delivery{Ready: true}
			})
		}, want: elsewhere, heals: true},
		{name: "pull secrets that wait as long as they may", edit: of(func(ctx context.Context, need webhook.Need) webhook.Delivery {
			wait(ctx, time.Until(need.Until))
			return webhook.Delivery{}
		}), want: served},
		{name: "pull secrets that end with their context", edit: of(func(ctx context.Context, _ webhook.Need) webhook.Delivery {
			<-ctx.Done()
			return webhook.Delivery{}
		}), want: noAnswer},
		{name: "pull secrets that take too long", edit: of(func(context.Context, webhook.Need) webhook.Delivery { time.Sleep(tooLong); return webhook.Delivery{} }), want: noAnswer},
		{name: "an error of the pull secret", edit: warn("no token yet"), want: served},
		{name: "an error with everything in it", edit: warn(strings.Repeat("\"\\\x00\n\u2028\u2026\xff", 100)), want: served},
	}
}
