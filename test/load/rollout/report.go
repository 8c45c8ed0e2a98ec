package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

// report is all that was measured.
type report struct {
	options
	machine, loadBefore, loadAfter string

	runs [3]*outcome // by none, one and three
}

const (
	document = "rollout.md"
	plotFile = "rollout.svg"
)

func (r *report) write(out io.Writer) error {
	text := r.markdown()
	if _, err := out.Write(text); err != nil {
		return err
	}
	saved := result.Result{
		Name: "rollout", Command: r.command(), Machine: r.machine, Load: r.load(), Details: []string{document}, Goals: r.goals(),
	}
	return errors.Join(
		os.WriteFile(filepath.Join(r.dir, document), text, 0o644),
		plotProgress(r, filepath.Join(r.dir, plotFile)),
		saved.Save(r.dir),
	)
}

func (r *report) load() string { return r.loadBefore + " before, " + r.loadAfter + " after" }

// command is what repeats the run.
func (r *report) command() string {
	var whole options
	whole.flags() // has the defaults set
	if r.nodes == whole.nodes && r.namespaces == whole.namespaces && r.pods == whole.pods && r.each == whole.each {
		return "make rollout"
	}
	return fmt.Sprintf("go -C test/load run ./rollout --nodes=%d --namespaces=%d --pods=%d --each=%d", r.nodes, r.namespaces, r.pods, r.each)
}

const note = `%d Deployments of %d pods, each in a namespace of its own, are created at once in a cluster of %d nodes and %d namespaces, three times, each
on a fresh cluster: without tcr-webhook, with one replica, and with three. API server, etcd, controller-manager, scheduler and tcr-webhook are the
real ones, all on this machine; KWOK plays kubelet, as of nodes that say every %d s that they are alive, and has a pod run as soon as it is on a node. Every image
is at a TCR host, so that no pod gets by without tcr-webhook. The roll-out lasts from the first Deployment until the last pod runs; before and after
it, nothing is done for %s. With all of it on one machine, time is mostly the CPU of the API server and of the controllers.`

func (r *report) markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# A roll-out of %d pods\n\nWritten by `%s`.\n\n", r.pods, r.command())
	fmt.Fprintf(&b, "Machine: %s; load average %s.\n\n", r.machine, r.load())
	fmt.Fprintf(&b, note+"\n", r.deployments(), r.each, r.nodes, r.namespaces, leaseSeconds/4, r.rest)
	for _, part := range []struct{ title, text, table string }{
		{"Goals", "", result.Table(r.goals())},
		{"Roll-out", "", r.rolloutTable() + "\n![Pods that run](" + plotFile + ")\n"},
		{"Servers", "CPU in the roll-out in seconds, by that without tcr-webhook, and the most resident memory.", r.serversTable()},
		{"Replicas", replicasNote, r.replicasTable()},
		{"Calls of the API server by tcr-webhook", callsNote, r.callsTable()},
		{"Watches", watchNote, r.watchTable()},
		{"Bytes between the replicas and the API server", "On the wire, TLS included, of all replicas; admission goes another way and is not in it.", r.bytesTable()},
		{"Admission", admissionNote, r.admissionTable()},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n", part.title)
		if part.text != "" {
			b.WriteString(part.text + "\n\n")
		}
		b.WriteString(part.table)
	}
	return b.Bytes()
}

// took is how long a phase was.
func (o *outcome) took(phase int) time.Duration {
	return o.moments[phase+1].at.Sub(o.moments[phase].at)
}

// rollout is how long it took until all pods ran.
func (o *outcome) rollout() time.Duration { return o.progress[len(o.progress)-1] }

// cpu is what a process used in a phase.
func (o *outcome) cpu(phase int, server string) time.Duration {
	return o.moments[phase+1].cpu[server] - o.moments[phase].cpu[server]
}

// controlPlane is what the API server and its store used in the roll-out.
func (o *outcome) controlPlane() time.Duration {
	return o.cpu(rolling, "kube-apiserver") + o.cpu(rolling, "etcd")
}

// ours is what all replicas used in a phase.
func (o *outcome) ours(phase int) (sum time.Duration) {
	for i := range o.replicas {
		sum += o.cpu(phase, replicaName(i))
	}
	return sum
}

// failed is how many creations of pods the API server refused in the roll-out.
func (o *outcome) failed() (failed float64) {
	want := labels{"group": "", "resource": "pods", "subresource": "", "verb": "POST"}
	before := o.moments[rolling].api.by("apiserver_request_total", "code", want)
	for code, n := range o.moments[rolling+1].api.by("apiserver_request_total", "code", want) {
		if code != "201" {
			failed += n - before[code]
		}
	}
	return failed
}

// asked are the calls of tcr-webhook in the roll-out, by the API server's
// histogram of what they took. kind is admit, validating, or empty for both.
func (o *outcome) asked(kind string) histogram {
	const name = "apiserver_admission_webhook_admission_duration_seconds"
	want := labels{"type": kind}
	if kind == "" {
		want = nil
	}
	return o.moments[rolling+1].api.histogram(name, want).since(o.moments[rolling].api.histogram(name, want))
}

// work is how many calls were about something else than who leads.
func (o *outcome) work(phase int) int { return o.calls[phase].total() - o.calls[phase].leases() }

// watched is how many events of a resource were sent in a phase, to everybody.
func (o *outcome) watched(phase int, resource string) float64 {
	count := func(m metrics) float64 { return m.sum("apiserver_watch_events_total", labels{"resource": resource}) }
	return count(o.moments[phase+1].api) - count(o.moments[phase].api)
}

// received is what the API server sent to the replicas in a phase, and sent what
// they sent, in bytes.
func (o *outcome) received(phase int) float64 {
	return float64(o.moments[phase+1].received - o.moments[phase].received)
}

func (o *outcome) sent(phase int) float64 {
	return float64(o.moments[phase+1].sent - o.moments[phase].sent)
}

// mostMemory is that of the replica that has the most, in MiB.
func (o *outcome) mostMemory() (most float64) {
	for i := range o.replicas {
		most = max(most, o.memory[replicaName(i)].most)
	}
	return most
}
