package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// own is what the replicas' own histograms have of admissions of pods.
type own struct {
	calls   float64
	seconds float64 // of all together
	slow    float64 // calls of over a millisecond
}

func (o own) less(before own) own {
	return own{o.calls - before.calls, o.seconds - before.seconds, o.slow - before.slow}
}

func (o own) plus(other own) own {
	return own{o.calls + other.calls, o.seconds + other.seconds, o.slow + other.slow}
}

// own reads the histograms of all replicas.
func (b *bed) own(ctx context.Context) (sum own, err error) {
	for _, s := range b.Servers {
		page, err := s.Scrape(ctx)
		if err != nil {
			return sum, err
		}
		one, err := ownOf(page)
		if err != nil {
			return sum, err
		}
		sum = sum.plus(one)
	}
	return sum, nil
}

const histogram = "tcr_webhook_admission_duration_seconds"

func ownOf(page string) (o own, err error) {
	fast := 0.0
	for name, value := range map[string]*float64{
		histogram + `_count{webhook="pods"}`:             &o.calls,
		histogram + `_sum{webhook="pods"}`:               &o.seconds,
		histogram + `_bucket{webhook="pods",le="0.001"}`: &fast,
	} {
		_, rest, found := strings.Cut(page, name+" ")
		line, _, _ := strings.Cut(rest, "\n")
		if *value, err = strconv.ParseFloat(line, 64); err != nil {
			return o, fmt.Errorf("read metric %s, found %v: %w", name, found, err)
		}
	}
	o.slow = o.calls - fast
	return o, nil
}
