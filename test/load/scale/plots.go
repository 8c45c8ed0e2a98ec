package main

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/tcr-webhook/tcr-webhook/test/load/document"
)

// plotWave has how many Secrets were changed a second, over ten seconds.
func plotWave(r *report, path string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = "Secrets changed a second", "s from the start of the run", "over ten seconds"
	const window = 10
	var points plotter.XYs
	for i := window; i < len(r.looks); i++ {
		now, before := r.looks[i], r.looks[i-window]
		points = append(points, plotter.XY{X: now.at.Seconds(), Y: float64(now.changed-before.changed) / (now.at - before.at).Seconds()})
	}
	if err := addLine(p, "written", points, document.Colors()[0]); err != nil {
		return err
	}
	end := r.looks[len(r.looks)-1].at.Seconds()
	if err := addLine(p, "bound", plotter.XYs{{X: 0, Y: maxWrites}, {X: end, Y: maxWrites}}, document.Colors()[1]); err != nil {
		return err
	}
	p.Y.Min = 0
	p.Legend.Top, p.Legend.Left = true, true
	return document.Save(p, path)
}

// plotMemory has a line for each replica.
func plotMemory(r *report, path string) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = "Resident memory", "s from the start of the run", "MiB"
	for i := range replicas {
		var points plotter.XYs
		for _, l := range r.looks {
			points = append(points, plotter.XY{X: l.at.Seconds(), Y: l.rss[i]})
		}
		if err := addLine(p, r.nameOf(i), points, document.Colors()[i]); err != nil {
			return err
		}
	}
	end := r.looks[len(r.looks)-1].at.Seconds()
	if err := addLine(p, "bound", plotter.XYs{{X: 0, Y: maxMemory}, {X: end, Y: maxMemory}}, document.Colors()[replicas]); err != nil {
		return err
	}
	p.Y.Min = 0
	p.Legend.Left, p.Legend.Top = true, true
	return document.Save(p, path)
}

func addLine(p *plot.Plot, name string, points plotter.XYs, c color.Color) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return fmt.Errorf("plot %s: %w", name, err)
	}
	line.Color, line.Width = c, vg.Points(1.2)
	p.Add(line)
	p.Legend.Add(name, line)
	return nil
}
