package main

import (
	"cmp"
	"fmt"
	"image/color"
	"os"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	drawing "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// picked are the panels in the picture, two in a row, with what their values
// are in.
func picked() [][2]string {
	return [][2]string{
		{"Replicas that are ready", ""}, {"Tokens: life left", "of a token's life"},
		{"Calls by result", "a second"}, {"Time to answer", "s"},
		{"Pull Secrets by state", "Secrets"}, {"Errors by action and code", "in ten seconds"},
	}
}

// colors are Okabe and Ito's, for the colour-blind as well.
func colors() []color.Color {
	return []color.Color{
		color.RGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}, color.RGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}, color.RGBA{G: 0x9e, B: 0x73, A: 0xff},
		color.RGBA{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff}, color.RGBA{R: 0xe6, G: 0x9f, B: 0x00, A: 0xff}, color.RGBA{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff},
		color.RGBA{R: 0x60, G: 0x60, B: 0x60, A: 0xff}, color.RGBA{A: 0xff},
	}
}

// step is how far answers are apart, in seconds; what is further is a gap.
const step = 2

const (
	wide  = 24 * vg.Centimeter
	panel = 6 * vg.Centimeter
	// alerts is the height of the panel that has a bar for each alert.
	alerts = 10.5 * vg.Centimeter
)

func draw(answers []answer, path string) error {
	rows := (len(picked()) + 1) / 2
	high := vg.Length(rows)*panel + alerts
	canvas := vgsvg.New(wide, high)
	all := drawing.New(canvas)
	tiles := drawing.Tiles{Rows: rows, Cols: 2, PadX: 5 * vg.Millimeter, PadY: 4 * vg.Millimeter, PadTop: 2 * vg.Millimeter, PadRight: 3 * vg.Millimeter}
	upper := drawing.Crop(all, 0, 0, alerts, 0)
	for i, what := range picked() {
		p, err := lines(what[0], what[1], linesOf(answers, what[0]))
		if err != nil {
			return err
		}
		p.Draw(tiles.At(upper, i%2, i/2))
	}
	bars, err := timeline(linesOf(answers, "Alerts"))
	if err != nil {
		return err
	}
	bars.Draw(drawing.Crop(all, 2*vg.Millimeter, -3*vg.Millimeter, 3*vg.Millimeter, -(high - alerts)))
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(out); err != nil {
		return err
	}
	return out.Close()
}

func lines(title, unit string, list []line) (*plot.Plot, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("panel %s has no data", title)
	}
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = title, unit
	p.Y.Min = 0
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.TextStyle.Font.Size = vg.Points(8)
	for i, l := range list {
		for j, run := range l.runs(2 * step) {
			drawn, err := plotter.NewLine(points(run))
			if err != nil {
				return nil, fmt.Errorf("plot %s: %w", title, err)
			}
			drawn.Color, drawn.Width = colors()[i%len(colors())], vg.Points(1.2)
			p.Add(drawn)
			if j == 0 && l.name != "" {
				p.Legend.Add(l.name, drawn)
			}
		}
	}
	p.Y.Max *= 1.3 // for the legend
	return p, nil
}

// timeline has a bar for each alert while it fires, the first at the top.
func timeline(list []line) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = "Alerts that fire, each under its fault", "s from the start; what takes an hour in real life takes 90 s here"
	slices.SortStableFunc(list, func(a, b line) int { return -cmp.Compare(a.points[0][0], b.points[0][0]) })
	names := make([]string, 0, len(list))
	for i, l := range list {
		names = append(names, l.name)
		for _, run := range l.runs(2 * step) {
			bar, err := plotter.NewLine(plotter.XYs{{X: run[0][0], Y: float64(i)}, {X: run[len(run)-1][0] + step, Y: float64(i)}})
			if err != nil {
				return nil, fmt.Errorf("plot %s: %w", l.name, err)
			}
			bar.Color, bar.Width = colors()[1], vg.Points(7)
			p.Add(bar)
		}
	}
	p.NominalY(names...)
	p.X.Min = 0
	p.Y.Min, p.Y.Max = -0.7, float64(len(list))-0.3
	return p, nil
}

func points(list [][2]float64) plotter.XYs {
	var all plotter.XYs
	for _, p := range list {
		all = append(all, plotter.XY{X: p[0], Y: p[1]})
	}
	return all
}
