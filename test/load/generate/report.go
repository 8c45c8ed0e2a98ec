package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
	"github.com/tcr-webhook/tcr-webhook/test/load/document"
)

// figure is one number of an endpoint: the median of its turns, the least and
// the greatest, and the median of its ratios to the first endpoint's. A turn
// without an answer has none.
type figure struct {
	Name  string  `json:"name"`
	Turns int     `json:"turns"` // with an answer; without any the others say nothing
	Value float64 `json:"microseconds"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
	// Ratio is nil where the two had no answer in the same turn.
	Ratio *float64 `json:"ratio,omitempty"`
}

func (f figure) value() string {
	if f.Turns == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", f.Value/1000, f.Min/1000, f.Max/1000)
}

func (f figure) ratio() string {
	if f.Ratio == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f", *f.Ratio)
}

// result is what came of one endpoint.
type result struct {
	Name    string   `json:"name"`
	URL     string   `json:"url"`
	Calls   int      `json:"calls"`
	Errors  int      `json:"errors"`
	Denied  int      `json:"denied"`
	Patched int      `json:"patched"`
	First   string   `json:"firstError,omitempty"`
	Figures []figure `json:"figures"`
}

// quantiles are the percentiles that are told.
func quantiles() map[string]float64 {
	return map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1}
}

func figureNames() []string { return []string{"p50", "p90", "p99", "p99.9", "max"} }

// rounds are a percentile of each turn, in microseconds, or NaN where it had no
// answer.
func (e *endpoint) rounds(p float64) (r sample.Rounds) {
	for _, t := range e.turns {
		if len(t.latencies) == 0 {
			r = append(r, math.NaN())
			continue
		}
		r = append(r, float64(sample.Quantile(t.latencies, p))/float64(time.Microsecond))
	}
	return r
}

// results sums up, with ratios to the first endpoint.
func results(o *options, endpoints []*endpoint) (all []result) {
	for _, e := range endpoints {
		r := result{Name: e.name, URL: e.url, Calls: o.calls() * len(e.turns)}
		for _, t := range e.turns {
			r.Errors, r.Denied, r.Patched = r.Errors+t.errors, r.Denied+t.denied, r.Patched+t.patched
			if t.first != nil && r.First == "" {
				r.First = t.first.Error()
			}
		}
		for _, name := range figureNames() {
			its := e.rounds(quantiles()[name])
			ratios := answered(its.Over(endpoints[0].rounds(quantiles()[name])))
			its = answered(its)
			f := figure{Name: name, Turns: len(its), Value: its.Median(), Min: its.Min(), Max: its.Max()}
			if len(ratios) > 0 {
				f.Ratio = new(ratios.Median())
			}
			r.Figures = append(r.Figures, f)
		}
		all = append(all, r)
	}
	return all
}

// answered are the rounds that are a number.
func answered(r sample.Rounds) sample.Rounds { return slices.DeleteFunc(slices.Clone(r), math.IsNaN) }

// write tells it, and is an error where calls were lost: such latencies are of
// those that were left.
func write(out io.Writer, o *options, where string, endpoints []*endpoint) error {
	all := results(o, endpoints)
	if o.format == "json" {
		text, err := json.MarshalIndent(map[string]any{"machine": where, "rate": o.rate, "rounds": o.rounds, "endpoints": all}, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s\n", text)
	} else {
		writeTable(out, o, where, all)
	}
	lost := 0
	for _, r := range all {
		lost += r.Errors
	}
	if lost > 0 {
		return fmt.Errorf("%d calls were lost", lost)
	}
	return nil
}

func writeTable(out io.Writer, o *options, where string, all []result) {
	fmt.Fprintf(out, "Machine: %s.\n%d rounds of %s at %d calls a second each; in brackets the least and the greatest round.\n\n", where, o.rounds, o.length, o.rate)
	head := []string{"endpoint", "calls", "errors", "denied", "patched"}
	for _, name := range figureNames() {
		head = append(head, name+", ms", "by the first")
	}
	var rows [][]string
	for _, r := range all {
		row := []string{r.Name, fmt.Sprint(r.Calls), fmt.Sprint(r.Errors), fmt.Sprint(r.Denied), fmt.Sprint(r.Patched)}
		for _, f := range r.Figures {
			row = append(row, f.value(), f.ratio())
		}
		rows = append(rows, row)
	}
	fmt.Fprint(out, document.Table(head, rows))
	for _, r := range all {
		if r.First != "" {
			fmt.Fprintf(out, "\n%s: the first error was: %s\n", r.Name, r.First)
		}
	}
}
