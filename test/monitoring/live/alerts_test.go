package live

import (
	"context"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/monitoring"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

var answers = flag.String("answers", "", "folder to write Prometheus's answers to the dashboard to, and the page's screenshot")

// soon is how long an alert may take to fire, or to end: the longest of the
// rules, an hour, and what a busy machine adds.
const soon = 3 * time.Minute

// period is when an alert is expected.
type period struct{ from, to time.Time }

// watch notes what is expected, and waits for it.
type watch struct {
	*bed
	expected map[string][]*period
}

// begin begins a fault.
func (w *watch) begin(t *testing.T, f fault) []*period {
	t.Helper()
	t.Logf("%s: %s", time.Now().Format(time.TimeOnly), f.name)
	var open []*period
	for _, a := range slices.Concat(f.alerts, f.may) {
		p := &period{from: time.Now()}
		w.expected[a] = append(w.expected[a], p)
		open = append(open, p)
	}
	require.NoError(t, f.begin(t.Context()))
	return open
}

// only picks faults by a part of their name.
var only = flag.String("only", "", "try faults with this in their name alone, and nothing that takes all of them")

// try has a fault begin and end.
func (w *watch) try(t *testing.T, f fault) {
	t.Helper()
	if strings.Contains(f.name, *only) {
		w.finish(t, f, w.begin(t, f))
	}
}

// finish waits for its alerts, ends the fault, and waits until they are over.
func (w *watch) finish(t *testing.T, f fault, open []*period) {
	t.Helper()
	for _, a := range f.alerts {
		w.await(t, f.name+": "+a, func(firing map[string]bool) bool { return firing[a] })
	}
	pause(t, 2*time.Second) // so that who looks back, by the second, sees them
	require.NoError(t, f.end(t.Context()))
	for i, a := range slices.Concat(f.alerts, f.may) {
		if f.lingers == 0 {
			w.await(t, f.name+" is over: "+a, func(firing map[string]bool) bool { return !firing[a] })
		}
		open[i].to = time.Now().Add(f.lingers)
	}
}

func (w *watch) await(t *testing.T, what string, is func(map[string]bool) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		firing, err := w.prometheus.firing(ctx)
		if err == nil && is(firing) {
			return
		}
		select {
		case <-ctx.Done():
			require.Failf(t, "waited in vain", "%s; these fire: %v", what, slices.Collect(maps.Keys(firing)))
		case <-tick.C:
		}
	}
}

// nothingElse is that no alert has fired but under its fault.
func (w *watch) nothingElse(t *testing.T, from time.Time) {
	t.Helper()
	list, err := w.prometheus.over(t.Context(), `max by (alertname, severity) (ALERTS{alertstate="firing"})`, from, time.Now(), time.Second)
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, s := range list {
		name := s.Metric["alertname"] + " " + s.Metric["severity"]
		seen[name] = true
		for _, v := range s.Values {
			seconds, _ := v[0].(float64)
			when := time.UnixMilli(int64(seconds * 1000))
			within := slices.ContainsFunc(w.expected[name], func(p *period) bool {
				return !when.Before(p.from) && !when.After(p.to.Add(2*time.Second))
			})
			if !within {
				assert.Fail(t, "an alert that nothing calls for", "%s at %s: %v", name, when.Format(time.TimeOnly), s.Metric)
				break
			}
		}
	}
	all, err := monitoring.Alerts()
	require.NoError(t, err)
	for _, a := range all {
		assert.True(t, seen[a.Alert+" "+a.Severity()], "%s (%s) never fired", a.Alert, a.Severity())
	}
}

func newBed(t *testing.T) *bed {
	t.Helper()
	program(t, "prometheus") // or there is nothing to do
	binary, err := once.binary()
	require.NoError(t, err)
	b := &bed{dir: t.TempDir(), binary: binary}
	b.Stack, err = stack.Start(t.Context(), stack.Options{
		Dir: b.dir, Binary: binary, Config: config, Replicas: 2,
		Now: func() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) },
		Prepare: func(c *tencent.Cloud) {
			(&bed{Stack: &stack.Stack{Cloud: c}}).link(true)
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Stop()) })
	_, err = b.AwaitLeader(t.Context())
	require.NoError(t, err)
	b.prometheus = startPrometheus(t, b.Cluster.Config())
	require.NoError(t, b.prometheus.scrape(b.metrics()...))
	return b
}

// Real Prometheus, real replicas, real faults; but for the durations of the
// rules, which are forty times shorter.
func TestAlertsFireUnderTheirFaults(t *testing.T) { //nolint:paralleltest // it goes by seconds, and wants both processors
	b := newBed(t)
	w := &watch{bed: b, expected: map[string][]*period{}}
	began := time.Now()
	load, stop := during(250*time.Millisecond, func(ctx context.Context) {
		_ = b.Client.Create(ctx, pod("default", app)) // while no replica is there it is refused
	})
	require.NoError(t, load(t.Context()))
	defer func() { assert.NoError(t, stop(t.Context())) }()
	pause(t, 15*time.Second)
	firing, err := b.prometheus.firing(t.Context())
	require.NoError(t, err)
	require.Empty(t, firing, "all is well")

	if *only != "" {
		for _, f := range slices.Concat(b.short(), b.long(t.TempDir()), b.deadly()) {
			w.try(t, f)
		}
		return
	}

	// These take an hour; others have their time meanwhile.
	hours := b.long(t.TempDir())
	open := make([][]*period, len(hours))
	for i, f := range hours {
		open[i] = w.begin(t, f)
	}
	for _, f := range b.short() {
		w.try(t, f)
	}
	for i, f := range hours {
		w.finish(t, f, open[i])
	}
	for _, f := range b.deadly() {
		w.try(t, f)
	}
	w.nothingElse(t, began)
	b.dashboardAnswers(t, began)
}

// short are faults that are told of within a quarter of an hour, long those that
// take an hour, and deadly those that a third replica would hide.
func (b *bed) short() []fault {
	return []fault{
		b.routeFlaps(), b.linkIsGone(),
		b.apiFails("a right is missing", "UnauthorizedOperation", "TCRCloudAPIDenied warning"),
		b.apiFails("too many calls", "RequestLimitExceeded", "TCRCloudAPIThrottled info"),
		b.configIsBroken(), b.registrationIsGone(), b.noReviews(), b.slowSecrets(), b.clocksDiffer(),
	}
}

func (b *bed) long(dir string) []fault { return []fault{b.foreignSecret(), b.oldCertificate(dir)} }

func (b *bed) deadly() []fault {
	return []fault{b.oneReplicaDies(), b.allReplicasDie(), b.leaseIsTaken(), b.apiIsDown(), b.ruleOnTrial()}
}

// pause is for what nothing tells the end of: that nothing happens.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-t.Context().Done():
	case <-time.After(d):
	}
}

// answer is what Prometheus says to a query of a panel.
type answer struct {
	Panel, Legend string
	Series        []series
}

// dashboardAnswers asks everything that the dashboard asks. After all faults
// there is data for each.
func (b *bed) dashboardAnswers(t *testing.T, began time.Time) {
	t.Helper()
	d, err := monitoring.ReadDashboard()
	require.NoError(t, err)
	var all []answer
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			list, err := b.prometheus.over(t.Context(), monitoring.Filled(target.Expr, "10s", strconv.Itoa(int(time.Since(began).Seconds()))+"s"), began, time.Now(), 2*time.Second)
			if assert.NoError(t, err, p.Title) {
				assert.NotEmpty(t, list, "%s: %s", p.Title, target.Expr)
			}
			all = append(all, answer{Panel: p.Title, Legend: target.LegendFormat, Series: list})
		}
	}
	if *answers != "" {
		alerts, err := b.prometheus.over(t.Context(), `max by (alertname) (ALERTS{alertstate="firing"})`, began, time.Now(), 2*time.Second)
		require.NoError(t, err)
		all = append(all, answer{Panel: "Alerts", Legend: "{{alertname}}", Series: alerts})
		data, err := json.Marshal(all)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(*answers, "answers.json"), data, 0o600))
	}
}
