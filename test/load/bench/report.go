package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

// Nanoseconds in other units.
const (
	micro = 1e3
	milli = 1e6
)

// report is all that was measured.
type report struct {
	options
	args                  string
	machine               string
	loadBefore, loadAfter string

	image      float64 // MB
	handlers   map[key]*cost
	hostile    []attack
	hits       *hits
	conditions *conditions
	servers    *served
	many       *busy
	crowd      *crowd
	restarted  *restarted // nil if not asked for, as is creations
	creations  *creations
}

// details is the file with all figures.
const details = "bench.md"

// write writes the details and their plots, the result, and the text of the
// details to out as well.
func (r *report) write(out io.Writer) error {
	text := r.markdown()
	if _, err := out.Write(text); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.dir, details), text, 0o644); err != nil {
		return err
	}
	saved := r.result()
	err := errors.Join(saved.Save(r.dir), plotHandlers(r, filepath.Join(r.dir, handlersPlot)), plotServers(r, filepath.Join(r.dir, serversPlot)))
	if r.creations != nil {
		err = errors.Join(err, plotCreations(r.creations, filepath.Join(r.dir, creationsPlot)))
	}
	return err
}

func (r *report) result() *result.Result {
	return &result.Result{
		Name: "bench", Command: r.command(), Machine: r.machine, Load: r.loadBefore + " before and " + r.loadAfter + " after",
		Details: []string{details}, Goals: r.goals(),
	}
}

func (r *report) command() string { return strings.TrimSpace("go -C test/load run ./bench " + r.args) }

func (r *report) markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Benchmark\n\nWritten by `%s`.\n\n", r.command())
	fmt.Fprintf(&b, "Machine: %s; load average %s before and %s after.\n\n", r.machine, r.loadBefore, r.loadAfter)
	fmt.Fprintf(&b, "Contenders take turns, %d rounds of each. A figure is the median of the rounds; in brackets are the least and the\n"+
		"greatest. Ratios are taken round by round. Times are CPU time unless they are called p50 or p99.\n\n", r.rounds)
	b.WriteString(contendersTable())
	b.WriteString("\n## Goals\n\n")
	b.WriteString(result.Table(r.goals()))
	b.WriteString("\n" + goalsNote + "\n")
	b.WriteString("\n## Handlers, in process, GOMAXPROCS=1\n\n")
	b.WriteString(handlersTable(r.handlers))
	fmt.Fprintf(&b, "\n![CPU time of the handlers](%s)\n", handlersPlot)
	b.WriteString("\n## Servers, each a process, over TLS\n\n")
	b.WriteString(serversTable(r.servers))
	b.WriteString("\n" + serversNote + "\n")
	fmt.Fprintf(&b, "\n![CPU time of the servers](%s)\n", serversPlot)
	b.WriteString("\n## Hostile reviews, in process, GOMAXPROCS=1\n\n")
	b.WriteString(hostileTable(r.hostile))
	if r.restarted != nil {
		b.WriteString("\n## Restarts\n\n")
		fmt.Fprintf(&b, restartsNote+"\n", behindOne, drains, leaves, restartCallers, r.restarted.restarts, r.restarted.calls,
			r.restarted.connections, r.restarted.Errors, r.restarted.Unmutated)
	}
	if r.creations != nil {
		b.WriteString("\n## Pods created through a real API server\n\n")
		fmt.Fprintf(&b, creationsNote+"\n\n", r.rate, r.seconds, slice, littleRate, little)
		b.WriteString(creationsTable(r.creations))
		for _, p := range quantiles {
			if !r.creations.held(p) {
				fmt.Fprintf(&b, "\n"+notHeldNote+"\n", r.rate, p*100, most)
			}
		}
		fmt.Fprintf(&b, "\n![Latency of pod creations](%s)\n", creationsPlot)
	}
	return b.Bytes()
}

const goalsNote = `A goal binds if it is a ratio or counts something; a time does not, since it is the machine's as much as ours. In brackets
is the spread: the least and the greatest round, and for L3 the middle 90 % when slices are drawn anew (bootstrap).`

const serversNote = `Called as an API server calls: HTTP/1.1, 25 idle connections, no resumption, ECDSA P-256, in a closed loop. CPU is the
server process's alone, of all its threads (schedstat); p50 and p99 are seen by the caller, who shares the machine.`

const creationsNote = `%d pods of 6 kB a second in an open loop, %d s with each webhook, which take turns every %d s; latency counts from the
intended start. etcd writes into memory if the machine has a /dev/shm. All webhooks are registered alike, without
matchConditions. The no-op is controller-runtime's and lets the pods in as they are; with the other two the API server also
has a patch to apply. The canned one is an echo that answers with the patch of ours ready-made: nobody who changes the pod
can add less. In the namespace policy the API server's own MutatingAdmissionPolicy does the same, checked, by a JSON patch in CEL.
The pods of elsewhere are looked at by all that the chart registers, and need nothing. Afterwards the canned one and
then ours have %d pods a second created behind them while they are held, by a cgroup, to %g of a CPU.`

const restartsNote = `%d replicas behind a Service that sends each connection to the next of them. One after the other is replaced and drains for %v,
while the Service sends it connections for another %v; %d callers do not pause. %d restarts under %d calls over %d connections
lost %d calls and left %d pods unmutated.`

const notHeldNote = `**This machine did not hold %d pods a second:** even without a webhook p%.0f is above %v, so it says nothing about webhooks. Let
the machine do nothing else meanwhile, or lower --rate.`

func yes(is bool, text, otherwise string) string {
	if is {
		return text
	}
	return otherwise
}
