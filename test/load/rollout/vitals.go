package main

import (
	"context"
	"sync"
	"time"
)

// vitals looks at processes every second.
type vitals struct {
	bed *bed

	mu         sync.Mutex // guards what is below
	anon       map[string]float64
	goroutines map[string]float64 // of replicas
}

func newVitals(b *bed) *vitals {
	return &vitals{bed: b, anon: map[string]float64{}, goroutines: map[string]float64{}}
}

// scrapeEvery is how many looks there are to one at goroutines, which takes a
// scrape.
const scrapeEvery = 5

// watch looks until ctx ends.
func (v *vitals) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 0; ; i++ {
		v.look(ctx, i%scrapeEvery == 0)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look takes down the most there is of anything. What it cannot see is counted
// with the next look.
func (v *vitals) look(ctx context.Context, scrape bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.bed.servers {
		if anon, err := s.AnonRSS(); err == nil {
			v.anon[s.name] = max(v.anon[s.name], anon)
		}
	}
	if !scrape {
		return
	}
	for i, r := range v.bed.replicas() {
		text, err := r.Scrape(ctx)
		if err != nil {
			continue
		}
		if m, err := parseMetrics(text); err == nil {
			v.goroutines[replicaName(i)] = max(v.goroutines[replicaName(i)], m.sum("go_goroutines", nil))
		}
	}
}

// memory is what a process has, in MiB.
type memory struct {
	now, most      float64 // resident
	anon, anonMost float64 // the process's own; the most of any look
}

func (v *vitals) memory(s server) (m memory, err error) {
	if m.now, err = s.RSS(); err != nil {
		return m, err
	}
	if m.most, err = s.MaxRSS(); err != nil {
		return m, err
	}
	m.anon, err = s.AnonRSS()
	v.mu.Lock()
	defer v.mu.Unlock()
	m.anonMost = max(v.anon[s.name], m.anon)
	return m, err
}

// cpuTimes are what the processes have used so far.
func cpuTimes(servers []server) (map[string]time.Duration, error) {
	used := map[string]time.Duration{}
	for _, s := range servers {
		t, err := s.CPUTime()
		if err != nil {
			return nil, err
		}
		used[s.name] = t
	}
	return used, nil
}
