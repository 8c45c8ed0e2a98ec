package main

import (
	"fmt"
	"math"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// metrics are what a server exports, by name.
type metrics map[string]*dto.MetricFamily

func parseMetrics(text string) (metrics, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("parse metrics: %w", err)
	}
	return families, nil
}

// labels are those that a series must have.
type labels map[string]string

func (l labels) match(m *dto.Metric) bool {
	for name, value := range l {
		if label(m, name) != value {
			return false
		}
	}
	return true
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// by sums what has these labels by the value of another one.
func (m metrics) by(name, key string, want labels) map[string]float64 {
	sums := map[string]float64{}
	for _, s := range m[name].GetMetric() {
		if want.match(s) {
			sums[label(s, key)] += value(s)
		}
	}
	return sums
}

// sum is that of all series with these labels.
func (m metrics) sum(name string, want labels) (sum float64) {
	for _, v := range m.by(name, "", want) {
		sum += v
	}
	return sum
}

// value is a histogram's sum, or that of anything else.
func value(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.GetCounter().GetValue()
	case m.Gauge != nil:
		return m.GetGauge().GetValue()
	case m.Histogram != nil:
		return m.GetHistogram().GetSampleSum()
	}
	return m.GetUntyped().GetValue()
}

// histogram is how many there were up to each bound, the last of which is
// infinite.
type histogram map[float64]float64

// histogram adds up those with these labels.
func (m metrics) histogram(name string, want labels) histogram {
	h := histogram{}
	for _, s := range m[name].GetMetric() {
		if !want.match(s) {
			continue
		}
		for _, b := range s.GetHistogram().GetBucket() {
			h[b.GetUpperBound()] += float64(b.GetCumulativeCount())
		}
	}
	return h
}

// since is what came after before.
func (h histogram) since(before histogram) histogram {
	since := histogram{}
	for bound, n := range h {
		since[bound] = n - before[bound]
	}
	return since
}

func (h histogram) count() float64 { return h[math.Inf(1)] }

// quantile is the least bound that this share of all is within.
func (h histogram) quantile(share float64) float64 {
	least := math.NaN()
	for bound, n := range h {
		if n > 0 && n >= share*h.count() && !(bound >= least) {
			least = bound
		}
	}
	return least
}

// within is the share of all up to a bound of the histogram's.
func (h histogram) within(bound float64) float64 { return h[bound] / h.count() }

// add adds another one to it.
func (h histogram) add(other histogram) {
	for bound, n := range other {
		h[bound] += n
	}
}
