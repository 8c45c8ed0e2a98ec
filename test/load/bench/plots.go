package main

import (
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/sample"
	"github.com/tcr-webhook/tcr-webhook/test/load/document"
)

// The plots' files.
const (
	handlersPlot  = "bench-handlers.svg"
	serversPlot   = "bench-servers.svg"
	creationsPlot = "bench-creations.svg"
)

func plotHandlers(r *report, path string) error {
	return plotCPU("CPU time of a handler per review", path, func(name, size string) sample.Rounds {
		return r.handlers[key{name, size}].CPU
	})
}

func plotServers(r *report, path string) error {
	return plotCPU("CPU time of a server per review over TLS, 16 at once", path, func(name, size string) sample.Rounds {
		return r.servers.services[load{name, size, 16}].CPU
	})
}

// plotCPU has a point for each contender and size, with its spread.
func plotCPU(title, path string, cpu func(name, size string) sample.Rounds) error {
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = title, "µs, median of rounds, least to greatest"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Legend.Top = true
	var names []string
	for _, c := range contender.All() {
		names = append(names, c.Name)
	}
	for i, size := range serverSizes {
		var points spreads
		for x, name := range names {
			points = append(points, spreadPoint{float64(x), cpu(name, size)})
		}
		if err := points.add(p, size+"B", document.Colors()[i]); err != nil {
			return err
		}
	}
	p.NominalX(names...)
	p.X.Min, p.X.Max = -0.3, float64(len(names))-0.7
	p.Add(plotter.NewGrid())
	return document.Save(p, path)
}

// spreads are points with a line from their least to their greatest round.
type spreads []spreadPoint

type spreadPoint struct {
	x      float64
	rounds sample.Rounds
}

func (s spreads) Len() int                { return len(s) }
func (s spreads) XY(i int) (x, y float64) { return s[i].x, s[i].rounds.Median() / micro }
func (s spreads) YError(i int) (l, h float64) {
	r := s[i].rounds
	return (r.Median() - r.Min()) / micro, (r.Max() - r.Median()) / micro
}

func (s spreads) add(p *plot.Plot, name string, c color.Color) error {
	dots, err := plotter.NewScatter(s)
	if err != nil {
		return err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: c, Radius: vg.Points(4), Shape: draw.CircleGlyph{}}
	bars, err := plotter.NewYErrorBars(s)
	if err != nil {
		return err
	}
	bars.Color = c
	p.Add(dots, bars)
	p.Legend.Add(name, dots)
	return nil
}

// plotCreations has one line for each webhook: which share of the pods took
// longer than so many milliseconds.
func plotCreations(c *creations, path string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = "Pod creations", "ms from the intended start", "share that takes longer"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Legend.Top = true
	for i, name := range behind() {
		line, err := plotter.NewLine(exceeding(c.of(name, c.slices())))
		if err != nil {
			return fmt.Errorf("plot %s: %w", name, err)
		}
		line.Color, line.Width = document.Colors()[i], vg.Points(1.5)
		p.Add(line)
		p.Legend.Add(name, line)
	}
	p.Add(plotter.NewGrid())
	return document.Save(p, path)
}

// exceeding is, for up to a few hundred of the values, the share of values that
// are not below it.
func exceeding(latencies []float64) plotter.XYs {
	sorted := slices.Sorted(slices.Values(latencies))
	n := len(sorted)
	var points plotter.XYs
	for rest := n; rest > 0; rest -= max(rest/50, 1) {
		points = append(points, plotter.XY{X: sorted[n-rest] / milli, Y: float64(rest) / float64(n)})
	}
	return points
}
