package main

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
)

// line is a series with its name in the legend.
type line struct {
	name   string
	points [][2]float64 // seconds from the first answer of all, and a value
}

// label is where a legend wants a label.
var label = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// linesOf are the lines of a panel, in the order of their names.
func linesOf(answers []answer, panel string) []line {
	var lines []line
	for _, a := range answers {
		if a.Panel != panel {
			continue
		}
		for _, s := range a.Series {
			l := line{name: label.ReplaceAllStringFunc(a.Legend, func(found string) string {
				return s.Metric[label.FindStringSubmatch(found)[1]]
			})}
			for _, v := range s.Values {
				at, _ := v[0].(float64)
				text, _ := v[1].(string)
				if y, err := strconv.ParseFloat(text, 64); err == nil && y == y { // a number
					l.points = append(l.points, [2]float64{at - began(answers), y})
				}
			}
			if len(l.points) > 0 {
				lines = append(lines, l)
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.name, b.name) })
	return lines
}

// began is the time of the first answer of all.
func began(answers []answer) float64 {
	first := 0.0
	for _, a := range answers {
		for _, s := range a.Series {
			if at, is := s.Values[0][0].(float64); is && (first == 0 || at < first) {
				first = at
			}
		}
	}
	return first
}

// runs cuts a line where it is interrupted for longer than gap.
func (l line) runs(gap float64) [][][2]float64 {
	var all [][][2]float64
	for i, p := range l.points {
		if i == 0 || p[0]-l.points[i-1][0] > gap {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], p)
	}
	return all
}
