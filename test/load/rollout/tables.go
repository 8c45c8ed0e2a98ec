package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	documents "github.com/tcr-webhook/tcr-webhook/test/load/document"
	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

// heads are the columns of tables that compare the runs.
func heads(first string) []string { return []string{first, "without", "one replica", "three replicas"} }

// compare makes a row of what each run gives.
func (r *report) compare(what string, get func(*outcome) string) []string {
	row := []string{what}
	for _, o := range r.runs {
		row = append(row, get(o))
	}
	return row
}

// compareOurs leaves out the run that has nothing of ours.
func (r *report) compareOurs(what string, get func(*outcome) string) []string {
	row := r.compare(what, get)
	row[1] = ""
	return row
}

func seconds(d time.Duration) string { return result.Number(d.Seconds()) + " s" }

func (r *report) rolloutTable() string {
	base := r.runs[none]
	return documents.Table(heads(""), [][]string{
		r.compare("until all pods run", func(o *outcome) string { return seconds(o.rollout()) }),
		r.compare("by that without", func(o *outcome) string { return result.Number(o.rollout().Seconds() / base.rollout().Seconds()) }),
		r.compare("until half of them run", func(o *outcome) string { return seconds(o.progress[len(o.progress)/2]) }),
		r.compare("pods a second", func(o *outcome) string { return result.Number(float64(r.pods) / o.rollout().Seconds()) }),
		r.compare("creations that failed", func(o *outcome) string { return result.Number(o.failed()) }),
		r.compareOurs("pods without pull secret or rewrite", func(o *outcome) string { return strconv.Itoa(o.found.unchanged) }),
		r.compareOurs("pull Secrets in the end", func(o *outcome) string { return strconv.Itoa(o.found.secrets) }),
		r.compareOurs("calls of "+issue, func(o *outcome) string { return strconv.Itoa(o.issued) }),
		r.compareOurs("calls of the cloud, all actions", func(o *outcome) string { return strconv.Itoa(o.cloudCalls) }),
		r.compare("until nodes and namespaces were there", func(o *outcome) string { return seconds(o.took(filling)) }),
	})
}

func (r *report) serversTable() string {
	base := r.runs[none]
	var rows [][]string
	for _, name := range base.servers {
		rows = append(rows, r.compare(name, func(o *outcome) string {
			used := o.cpu(rolling, name)
			return fmt.Sprintf("%s (%s), %.0f MiB", seconds(used), result.Number(used.Seconds()/base.cpu(rolling, name).Seconds()), o.memory[name].most)
		}))
	}
	rows = append(rows,
		r.compareOurs("all replicas of tcr-webhook", func(o *outcome) string { return seconds(o.ours(rolling)) }),
		r.compare("all of them, for a pod", func(o *outcome) string {
			sum := o.ours(rolling)
			for _, name := range base.servers {
				sum += o.cpu(rolling, name)
			}
			return result.Number(r.perPod(1000*sum.Seconds())) + " ms"
		}),
	)
	return documents.Table(heads(""), rows)
}

const replicasNote = `Memory in MiB: resident at the end, the most the kernel has seen, and what of each is the process's own; the rest are pages of the binary, which
replicas on one machine share. Goroutines at the end and at the most; connections that the API server keeps open for admissions have one each.`

func (r *report) replicasTable() string {
	var rows [][]string
	for _, o := range r.runs[one:] {
		for i := range o.replicas {
			name := replicaName(i)
			row := []string{strconv.Itoa(o.replicas), name}
			if i == o.leader {
				row[1] += ", leads"
			}
			m := o.memory[name]
			for _, mib := range []float64{m.now, m.anon, m.most, m.anonMost} {
				row = append(row, fmt.Sprintf("%.1f", mib))
			}
			rows = append(rows, append(row, result.Number(o.atRest[name]), result.Number(o.goroutines[name]),
				seconds(o.cpu(filling, name)), seconds(o.cpu(rolling, name)), o.share(after, name)))
		}
	}
	return documents.Table([]string{"of", "replica", "MiB", "own", "most", "most own", "goroutines", "most", "CPU of fill", "CPU of roll-out", "CPU at rest"}, rows)
}

// share is what a process used of one CPU.
func (o *outcome) share(phase int, server string) string {
	return fmt.Sprintf("%.2f %%", 100*o.cpu(phase, server).Seconds()/o.took(phase).Seconds())
}

const callsNote = `By the API server's audit: one replica / three, in each phase. Watches count when they begin. Whoever leads writes its Lease every two seconds, and the others read it.`

func (r *report) callsTable() string {
	single, triple := r.runs[one], r.runs[three]
	var all []calls
	for i := range phases {
		all = append(all, single.calls[i], triple.calls[i])
	}
	row := func(what string, get func(calls) int) []string {
		cells := []string{what}
		for i := range phases {
			cells = append(cells, fmt.Sprintf("%d / %d", get(single.calls[i]), get(triple.calls[i])))
		}
		return cells
	}
	var rows [][]string
	for _, what := range names(all...) {
		rows = append(rows, row(what, func(c calls) int { return c[what] }))
	}
	rows = append(rows, row("all", calls.total))
	names := phaseNames()
	return documents.Table(append([]string{"call"}, names[:]...), rows)
}

const watchNote = `Events that the API server sent to all who watch, in fill and roll-out, for resources that differ between the runs. What a replica more is sent is half of what three replicas are sent
more than one; controllers watch too, so that one replica costs what it is sent itself and what they are sent about its Secrets.`

func (r *report) watchTable() string {
	var rows [][]string
	for _, resource := range []string{"namespaces", "serviceaccounts", "secrets", "configmaps", "events", "leases", "pods"} {
		for _, phase := range []int{filling, rolling} {
			row := r.compare(resource+", "+phaseNames()[phase], func(o *outcome) string { return result.Number(o.watched(phase, resource)) })
			more := (r.runs[three].watched(phase, resource) - r.runs[one].watched(phase, resource)) / 2
			rows = append(rows, append(row, result.Number(math.Round(more))))
		}
	}
	return documents.Table(append(heads("resource"), "for a replica more"), rows)
}

func (r *report) bytesTable() string {
	var rows [][]string
	kib := func(bytes float64) string { return result.Number(math.Round(bytes/1024)) + " KiB" }
	for i, name := range phaseNames() {
		rows = append(rows,
			[]string{name + ", to the replicas", kib(r.runs[one].received(i)), kib(r.runs[three].received(i))},
			[]string{name + ", from them", kib(r.runs[one].sent(i)), kib(r.runs[three].sent(i))},
		)
	}
	return documents.Table([]string{"phase", "one replica", "three replicas"}, rows)
}

const admissionNote = `In the roll-out. The API server's histogram of calls, which waits for a CPU as well, and the replicas' own, which has the wait of a namespace's first pods for their Secret. A
quantile is the least bound of the histogram that it is within.`

func (r *report) admissionTable() string {
	var rows [][]string
	for _, o := range r.runs[one:] {
		before, now := o.moments[rolling], o.moments[rolling+1]
		for _, kind := range []string{"admit", "validating"} {
			if asked := o.asked(kind); asked.count() > 0 {
				rows = append(rows, quantiles(o.replicas, "API server, "+kind, asked))
			}
		}
		const handled = "tcr_webhook_admission_duration_seconds"
		for _, hook := range hooksOf(now.replicas, handled) {
			own := histogram{}
			for i := range now.replicas {
				want := labels{"webhook": hook}
				own.add(now.replicas[i].histogram(handled, want).since(before.replicas[i].histogram(handled, want)))
			}
			if own.count() > 0 {
				rows = append(rows, quantiles(o.replicas, "tcr-webhook, "+hook, own))
			}
		}
	}
	return documents.Table([]string{"replicas", "by", "calls", "p50", "p90", "p99", "within 5 ms"}, rows)
}

func hooksOf(replicas []metrics, name string) (hooks []string) {
	for _, m := range replicas {
		for _, s := range m[name].GetMetric() {
			hooks = append(hooks, label(s, "webhook"))
		}
	}
	slices.Sort(hooks)
	return slices.Compact(hooks)
}

func quantiles(replicas int, by string, h histogram) []string {
	row := []string{strconv.Itoa(replicas), by, result.Number(h.count())}
	for _, share := range []float64{.5, .9, .99} {
		row = append(row, "≤ "+result.Number(1000*h.quantile(share))+" ms")
	}
	return append(row, fmt.Sprintf("%.1f %%", 100*h.within(.005)))
}
