package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/document"
	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

// phase is a part of the run.
type phase struct {
	name       string
	begun, end time.Duration
}

// report is all that was measured.
type report struct {
	options
	machine               string
	loadBefore, loadAfter string

	callsPerLife            float64
	callsBefore, callsAfter int // of the tokens of an hour
	fill, filled            time.Duration
	leader                  int // which replica, until the restarts
	idleCPU, waveCPU        [replicas]float64
	idleRSS, wavePeak       [replicas]float64
	idleAnon                [replicas]float64 // of idleRSS
	wave                    time.Duration
	waveWrites, mostWrites  int
	starts                  []time.Duration
	takeover                time.Duration
	restartWrites           int

	phases     []phase
	looks      []look
	peak       [replicas]float64
	anonPeak   [replicas]float64
	violations []string

	answers *answers
}

// The goals.
const (
	maxMemory    = 64.0 // MiB
	maxCalls     = 2.0  // of CreateInstanceToken in the life of a token, which is an hour
	maxWrites    = 25   // a second
	maxColdStart = 10 * time.Second
	// budget is the pace of writes that nobody waits for.
	budget = 20.0
	// late is by how much a wave may be longer than its budget has it.
	late = 1.1
)

func (r *report) goals() []result.Goal {
	followers := r.peak
	followers[r.leader] = 0
	most := func(id, what string, want, got float64, unit string) result.Goal {
		return result.Goal{ID: id, What: what, Want: want, Got: got, Unit: unit, Binding: true}
	}
	return append([]result.Goal{
		most("P7", "memory of the leader, at the most", maxMemory, r.peak[r.leader], "MiB"),
		most("P7", "memory of another replica, at the most", maxMemory, slices.Max(followers[:]), "MiB"),
		most("P7", "calls of "+issue+" in a token's life, which is an hour", maxCalls, r.callsPerLife, ""),
		most("P7", "the same for tokens of an hour, in the rest of the run", 0, float64(r.callsAfter-r.callsBefore), ""),
		most("R7", "Secrets changed a second, over any ten", maxWrites, float64(r.mostWrites)/10, ""),
		most("R7", "length of the wave", late*float64(r.namespaces)/budget, r.wave.Seconds(), "s"),
		most("R7", "writes of the wave, by namespaces", 1, float64(r.waveWrites)/float64(r.namespaces), ""),
		most("P7", "start of a replica until it is ready", maxColdStart.Seconds(), slices.Max(append(r.starts, 0)).Seconds(), "s"),
		most("R8", "writes because of restarts", 0, float64(r.restartWrites), ""),
		most("R7", "what must never happen", 0, float64(len(r.violations)), ""),
	}, r.admissionGoals()...)
}

const (
	wavePlot   = "credentials-wave.svg"
	memoryPlot = "credentials-memory.svg"
)

func (r *report) write(out io.Writer) error {
	text := r.markdown()
	if _, err := out.Write(text); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(r.dir, "credentials.md"), text, 0o644),
		plotWave(r, filepath.Join(r.dir, wavePlot)),
		plotMemory(r, filepath.Join(r.dir, memoryPlot)),
		(&result.Result{
			Name: "scale", Command: "make scale", Machine: r.machine, Load: r.loadBefore + " before, " + r.loadAfter + " after",
			Details: []string{"credentials.md"}, Goals: r.goals(),
		}).Save(r.dir),
	)
}

const note = `%d namespaces with two ServiceAccounts, a pod and a pull Secret each, on a real kube-apiserver; %d replicas as processes
of their own. Calls are counted over %d lives of tokens of %s, before there is a namespace; after that, tokens live for an hour.
The wave is a change of the configuration, one more host, that calls for another content of every Secret. Each replica
is killed at the end, the leader first, and started again. Memory is resident: at rest as the last look was, and at the most the kernel's
high-water mark of all processes that a replica was. What is anonymous is the process's own, and the most of it is of looks once a second;
file pages are those of the binary, which replicas on one machine share.`

func (r *report) markdown() []byte {
	var b bytes.Buffer
	b.WriteString("# Credentials at scale\n\nWritten by `make scale`.\n\n")
	fmt.Fprintf(&b, "Machine: %s; load average %s before and %s after.\n\n", r.machine, r.loadBefore, r.loadAfter)
	fmt.Fprintf(&b, note+"\n\n## Goals\n\n", r.namespaces, replicas, shortLives, shortLife)
	b.WriteString(result.Table(r.goals()))
	for _, v := range r.violations[:min(len(r.violations), 10)] {
		b.WriteString("\n- " + v)
	}
	b.WriteString("\n## Replicas\n\n")
	b.WriteString(r.replicasTable())
	fmt.Fprintf(&b, "\n## Times\n\n%s", r.timesTable())
	fmt.Fprintf(&b, "\n## Admissions\n\n%s", r.admissions())
	fmt.Fprintf(&b, "\n![Secrets changed](%s)\n\n![Memory of the replicas](%s)\n", wavePlot, memoryPlot)
	return b.Bytes()
}

func (r *report) replicasTable() string {
	var rows [][]string
	for i := range replicas {
		row := []string{r.nameOf(i)}
		for _, mib := range []float64{r.idleRSS[i], r.idleAnon[i], r.idleRSS[i] - r.idleAnon[i], r.wavePeak[i], r.peak[i], r.anonPeak[i]} {
			row = append(row, fmt.Sprintf("%.1f", mib))
		}
		rows = append(rows, append(row, fmt.Sprintf("%.2f", 100*r.idleCPU[i]), fmt.Sprintf("%.2f", 100*r.waveCPU[i])))
	}
	return document.Table([]string{
		"replica", "MiB at rest", "anonymous", "file pages", "most until the end of the wave", "most of all", "most anonymous", "% of a CPU at rest", "in the wave",
	}, rows)
}

func (r *report) nameOf(i int) string {
	if i == r.leader {
		return "leader"
	}
	return fmt.Sprintf("replica %d", i+1)
}

func (r *report) timesTable() string {
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
	rows := [][]string{
		{"all namespaces created, with their first pods", fmt.Sprintf("%s, %.0f a second", seconds(r.fill), float64(r.namespaces)/r.fill.Seconds())},
		{"the last Secret, from the first namespace on", seconds(r.filled)},
		{"the wave", fmt.Sprintf("%s, %.1f a second", seconds(r.wave), float64(r.waveWrites)/r.wave.Seconds())},
		{"from the death of the leader to the next", seconds(r.takeover)},
	}
	for i, d := range r.starts {
		rows = append(rows, []string{fmt.Sprintf("start %d until ready", i+1), seconds(d)})
	}
	return document.Table([]string{"what", "took"}, rows)
}
