package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/load/storm/judge"
	"github.com/tcr-webhook/tcr-webhook/test/load/storm/schedule"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// seedVariable in the environment is the seed of the tests' storm.
const seedVariable = "STORM_SEED"

// usualSeed has a dead leader, and a link that is down for long.
const usualSeed = 676

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// seed is the one from the environment, or the usual one.
func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv(seedVariable)
	if text == "" {
		return usualSeed
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, seedVariable)
	return n
}

// storm has the storm of a seed over a binary.
func storm(t *testing.T, binary string, seed uint64) verdict {
	t.Helper()
	o := options{binary: binary, length: 2 * time.Minute, logs: filepath.Join(os.TempDir(), "tcr-webhook-storm-logs", filepath.Base(t.Name()))}
	v := brave(t.Context(), o, schedule.New(seed, o.length, o.pace()), testOutput{t})
	t.Log(v.text(o))
	return v
}

// testOutput has what is said in the test's log.
type testOutput struct{ t *testing.T }

func (o testOutput) Write(p []byte) (int, error) {
	o.t.Logf("%s", p)
	return len(p), nil
}

func build(t *testing.T, flags ...string) string {
	t.Helper()
	_, err := cluster.Binaries(t.Context(), os.Stderr)
	require.NoError(t, err)
	binary, err := stack.Build(t.Context(), t.TempDir(), flags...)
	require.NoError(t, err)
	return binary
}

// One storm of two minutes breaks nothing.
func TestStormOfTwoMinutes(t *testing.T) { //nolint:paralleltest // it wants all of the machine
	if testing.Short() {
		t.Skip("it takes more than three minutes")
	}
	v := storm(t, build(t), seed(t))
	require.NoError(t, v.err)
	assert.Empty(t, v.violations)
	assert.GreaterOrEqual(t, v.tokens, 50)
	assert.GreaterOrEqual(t, v.logins, 1000)
	assert.GreaterOrEqual(t, v.pods, 300)
}

func TestEveryKindOfFaultCanBeDone(t *testing.T) {
	t.Parallel()
	how := faults()
	for _, trait := range schedule.Traits() {
		assert.Contains(t, how, trait.Kind)
	}
	assert.Len(t, how, len(schedule.Traits()))
}

func TestAPodHasItsImageWhereItsSiteSays(t *testing.T) {
	t.Parallel()
	for _, site := range sites {
		assert.Equal(t, "demo.tencentcloudcr.com/x:1", imageAt(newPod("a-1", site, "demo.tencentcloudcr.com/x:1"), site))
	}
}

func TestSeeds(t *testing.T) {
	t.Parallel()
	seeds, err := (&options{seeds: "3..5"}).which()
	require.NoError(t, err)
	assert.Equal(t, []uint64{3, 4, 5}, seeds)
	seeds, err = (&options{seed: 9}).which()
	require.NoError(t, err)
	assert.Equal(t, []uint64{9}, seeds)
	for _, wrong := range []string{"3", "5..3", "a..b", "1-3"} {
		_, err := (&options{seeds: wrong}).which()
		assert.ErrorContains(t, err, wrong)
	}
}

func TestTheClockOfTheCloudTellsWhenItTrulyWas(t *testing.T) {
	t.Parallel()
	c := newClock()
	for _, off := range []time.Duration{0, time.Minute, 0, -time.Minute} {
		c.set(off)
		now := time.Now()
		assert.WithinDuration(t, now.Add(off), c.now(), time.Second)
		assert.WithinDuration(t, now, c.real(c.now()), time.Second)
	}
}

func TestBusyMachines(t *testing.T) {
	t.Parallel()
	assert.InDelta(t, 1, busyness("0.10"), 0)
	assert.InDelta(t, 1, busyness("unknown"), 0)
	assert.InDelta(t, mostBusy, busyness("1000"), 0)
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]judge.Outcome{
		`admission webhook "pods.tcr-webhook.io" denied the request: no`:                             judge.Denied,
		`Internal error occurred: failed calling webhook "pods.tcr-webhook.io": failed to call: EOF`: judge.Lost,
		`etcdserver: request timed out`:                                                              judge.Failed,
	} {
		got, said := outcome(fmt.Errorf("%s", text)) //nolint:err113 // it is what an API server says
		assert.Equal(t, want, got)
		assert.Equal(t, text, said)
	}
	got, _ := outcome(nil)
	assert.Equal(t, judge.Admitted, got)
	assert.Equal(t, context.Canceled.Error(), func() string { _, s := outcome(context.Canceled); return s }())
}

func TestMetricsAreRead(t *testing.T) {
	t.Parallel()
	var l judge.Look
	require.NoError(t, read("# x\ngo_goroutines 97\nprocess_open_fds 21\ngo_memstats_heap_inuse_bytes 1.048576e+07\n", &l))
	assert.Equal(t, judge.Look{Goroutines: 97, Files: 21, Heap: 10}, l)
	assert.ErrorContains(t, read("\ngo_goroutines 97\n", &l), "there is no")
}
