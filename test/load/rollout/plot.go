package main

import (
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	documents "github.com/tcr-webhook/tcr-webhook/test/load/document"
)

// dots is how many points of a run a plot shows.
const dots = 200

// plotProgress has how many pods run, over the time since the first Deployment.
func plotProgress(r *report, path string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = "Pods that run", "s after the first Deployment", "pods"
	for i, name := range []string{none: "without", one: "one replica", three: "three replicas"} {
		line, err := plotter.NewLine(points(r.runs[i]))
		if err != nil {
			return fmt.Errorf("plot the run %s: %w", name, err)
		}
		line.Color, line.Width = documents.Colors()[i], vg.Points(1.2)
		p.Add(line)
		p.Legend.Add(name, line)
	}
	p.Y.Min, p.X.Min = 0, 0
	p.Legend.Top, p.Legend.Left = true, true
	return documents.Save(p, path)
}

func points(o *outcome) plotter.XYs {
	all := plotter.XYs{{}}
	for i, at := range o.progress {
		if (i+1)%max(1, len(o.progress)/dots) == 0 || i == len(o.progress)-1 {
			all = append(all, plotter.XY{X: at.Seconds(), Y: float64(i + 1)})
		}
	}
	return all
}
