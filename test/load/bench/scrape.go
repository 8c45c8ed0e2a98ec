package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// samples are what the API server exports, line by line.
type samples []string

// scrape reads the API server's metrics.
func (a *author) scrape(ctx context.Context) (samples, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.host+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := a.client.Do(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the API server's metrics: %s", resp.Status)
	}
	return strings.Split(string(text), "\n"), nil
}

// sum adds up the samples of a metric that have all of the labels, each as in
// its line or a part of that.
func (s samples) sum(metric string, labels ...string) (sum float64) {
	for _, line := range s {
		if !strings.HasPrefix(line, metric+"{") {
			continue
		}
		has := true
		for _, l := range labels {
			has = has && strings.Contains(line, l)
		}
		if v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64); has && err == nil {
			sum += v
		}
	}
	return sum
}
