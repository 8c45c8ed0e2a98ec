package judge

import (
	"fmt"
	"slices"
	"time"
)

// Look is what a replica had at a moment without faults.
type Look struct {
	At      time.Time
	Replica int
	Who
	Goroutines float64
	Files      float64 // descriptors
	Heap       float64 // MiB in use
}

// Who is a process in its part: whoever leads has controllers that the others have
// not.
type Who struct {
	PID   int
	Leads bool
}

// Growth is what the processes that live on have more of: the most of any.
// Goroutines are without those of further connections.
type Growth struct{ Goroutines, Files, Heap float64 }

// The most that may be left behind: connections that are kept alive come and go,
// of which an API server keeps 25 to a replica once that many calls came at once;
// they have goroutines each that are counted with them, and the heap is collected
// when it wants to be.
const (
	mostGoroutines = 15
	perConnection  = 3
	mostFiles      = 25
	mostHeap       = 8 // MiB
)

// Grown compares the least that each process had in some looks with the least
// that it had in others later. Processes that are not in both are left out.
func Grown(before, after []Look) (g Growth, processes int) {
	for _, who := range all(before) {
		was, is := least(before, who), least(after, who)
		if is == nil {
			continue
		}
		processes++
		files := max(is.Files-was.Files, 0)
		g.Goroutines = max(g.Goroutines, is.Goroutines-was.Goroutines-perConnection*files)
		g.Files = max(g.Files, files)
		g.Heap = max(g.Heap, is.Heap-was.Heap)
	}
	return g, processes
}

// Leaks judges growth.
func Leaks(g Growth, at time.Time) []Violation {
	if g.Goroutines <= mostGoroutines && g.Files <= mostFiles && g.Heap <= mostHeap {
		return nil
	}
	return []Violation{{NoLeak, at, fmt.Sprintf("%.0f goroutines, %.0f descriptors and %.1f MiB more", g.Goroutines, g.Files, g.Heap)}}
}

func all(looks []Look) (processes []Who) {
	for _, l := range looks {
		if !slices.Contains(processes, l.Who) {
			processes = append(processes, l.Who)
		}
	}
	return processes
}

// least has the least of each figure in the looks at a process; nil for none.
func least(looks []Look, who Who) (least *Look) {
	for _, l := range looks {
		switch {
		case l.Who != who:
		case least == nil:
			least = &l
		default:
			least.Goroutines, least.Files, least.Heap = min(least.Goroutines, l.Goroutines), min(least.Files, l.Files), min(least.Heap, l.Heap)
		}
	}
	return least
}

// Slope is how much a figure grows in the whole time between the first look at a
// process and the last: the median of the slopes between any two looks (Theil and
// Sen), which one odd look does not move. It is zero for less than five looks.
func Slope(looks []Look, figure func(Look) float64) float64 {
	if len(looks) < 5 {
		return 0
	}
	var slopes []float64
	for i, a := range looks {
		for _, b := range looks[i+1:] {
			if d := b.At.Sub(a.At).Seconds(); d > 0 {
				slopes = append(slopes, (figure(b)-figure(a))/d)
			}
		}
	}
	slices.Sort(slopes)
	return slopes[len(slopes)/2] * looks[len(looks)-1].At.Sub(looks[0].At).Seconds()
}

// Steepest is the slopes of the process that grew most, of those that were
// looked at for at least so long.
func Steepest(looks []Look, atLeast time.Duration) (g Growth, processes int) {
	for _, who := range all(looks) {
		of := slices.DeleteFunc(slices.Clone(looks), func(l Look) bool { return l.Who != who })
		if of[len(of)-1].At.Sub(of[0].At) < atLeast {
			continue
		}
		processes++
		files := max(Slope(of, func(l Look) float64 { return l.Files }), 0)
		g.Goroutines = max(g.Goroutines, Slope(of, func(l Look) float64 { return l.Goroutines })-perConnection*files)
		g.Files = max(g.Files, files)
		g.Heap = max(g.Heap, Slope(of, func(l Look) float64 { return l.Heap }))
	}
	return g, processes
}
