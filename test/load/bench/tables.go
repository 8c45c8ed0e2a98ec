package main

import (
	"fmt"
	"strconv"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
	"github.com/tcr-webhook/tcr-webhook/test/load/document"
	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

func contendersTable() string {
	var rows [][]string
	for _, c := range contender.All() {
		rows = append(rows, []string{c.Name, c.What, yes(c.Mutates, "same patch as ours, checked", "none")})
	}
	return document.Table([]string{"contender", "what", "patch"}, rows)
}

func handlersTable(costs map[key]*cost) string {
	var rows [][]string
	for _, size := range reviews.Sizes() {
		ours := costs[key{contender.Ours, size.Name}].CPU
		for _, c := range contender.All() {
			it := costs[key{c.Name, size.Name}]
			rows = append(rows, []string{
				size.Name + "B", c.Name, figure(it.CPU, micro), figure(it.CPU.Over(ours), 1),
				strconv.Itoa(int(it.Allocs.Median() + 0.5)), fmt.Sprintf("%.1f", it.Bytes.Median()/1024),
			})
		}
	}
	return document.Table([]string{"review", "contender", "CPU µs", "by ours", "allocations", "KiB"}, rows)
}

func serversTable(s *served) string {
	var rows [][]string
	for _, size := range serverSizes {
		for _, n := range concurrencies {
			echo := s.services[load{contender.Echo, size, n}].CPU
			for _, c := range contender.All() {
				it := s.services[load{c.Name, size, n}]
				rows = append(rows, []string{
					size + "B", strconv.Itoa(n), c.Name, figure(it.CPU, micro), figure(it.CPU.Over(echo), 1),
					figure(it.P50, micro), figure(it.P99, micro), fmt.Sprintf("%.0f", it.Rate.Median()),
					fmt.Sprintf("%.0f", s.maxRSS[key{c.Name, size}]),
					strconv.Itoa(it.Calls), strconv.Itoa(it.Errors), strconv.Itoa(it.Unmutated),
				})
			}
		}
	}
	return document.Table([]string{"review", "at once", "contender", "server CPU µs", "by echo", "p50 µs", "p99 µs", "calls/s", "max RSS MiB",
		"calls", "errors", "unmutated"}, rows)
}

func hostileTable(attacks []attack) string {
	var rows [][]string
	for _, a := range attacks {
		for _, name := range []string{contender.Ours, contender.Typed} {
			it := a.costs[name]
			note := ""
			if name == contender.Typed && a.disqualified != nil {
				note = a.disqualified.Error()
			}
			rows = append(rows, []string{
				a.Name, fmt.Sprintf("%.2f", float64(len(a.Body))/(1<<20)), name, figure(it.CPU, milli),
				fmt.Sprintf("%.2f", it.Bytes.Median()/(1<<20)), note,
			})
		}
	}
	return document.Table([]string{"review", "MiB", "contender", "CPU ms", "allocated MiB", "disqualified"}, rows)
}

// quantiles are which latencies of creations are told of.
var quantiles = []float64{0.50, 0.99}

func creationsTable(c *creations) string {
	without := map[float64]float64{}
	var rows [][]string
	for _, name := range behind() {
		all := c.of(name, c.slices())
		row := []string{name, strconv.Itoa(len(all)), strconv.Itoa(c.losses[name].Errors), strconv.Itoa(c.losses[name].Unmutated)}
		for _, p := range quantiles {
			at := sample.Quantile(all, p)
			if name == none {
				without[p] = at
			}
			row = append(row, fmt.Sprintf("%.2f", at/milli), fmt.Sprintf("%+.2f", (at-without[p])/milli))
		}
		rows = append(rows, append(row, figure(c.apiCPU[name], milli)))
	}
	return document.Table([]string{"webhook", "pods", "errors", "unmutated", "p50 ms", "added", "p99 ms", "added", "API server's CPU ms"}, rows)
}

// figure is the median of rounds and how far they lie apart.
func figure(r sample.Rounds, unit float64) string {
	return result.Goal{Got: r.Median() / unit, Low: r.Min() / unit, High: r.Max() / unit}.Figure()
}
