package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

// promise is a goal of the project.
type promise struct {
	id   string // P1 to P12 of performance, R1 to R23 of reliability, or a word
	text string // the whole goal
	// tests show it, or what of it nothing measures.
	tests []test
	// short is where what shows it falls short of it, or why nothing does.
	// Empty if it is shown whole.
	short string
}

// test is one of the tree.
type test struct {
	folder string // of its package, from the root of the project
	name   string
}

// in are tests of one package.
func in(folder string, names ...string) []test {
	var all []test
	for _, name := range names {
		all = append(all, test{folder, name})
	}
	return all
}

// figure is a goal as a command has measured it.
type figure struct {
	result.Goal
	from string // the command's name
}

// figures are those of the promise, in the order of the commands.
func (p promise) figures(results []result.Result) []figure {
	var all []figure
	for _, r := range results {
		for _, g := range r.Goals {
			if g.ID == p.id {
				all = append(all, figure{g, r.Name})
			}
		}
	}
	return all
}

// outcome is what became of the promise, in a word.
func (p promise) outcome(figures []figure) string {
	has := func(o result.Outcome) bool {
		return slices.ContainsFunc(figures, func(f figure) bool { return f.Outcome() == o })
	}
	switch {
	case has(result.Missed):
		return "**missed**"
	case has(result.Undecided):
		return "**undecided**"
	case len(figures) == 0 && len(p.tests) == 0:
		return "**not shown**"
	case p.short != "":
		return "in part"
	case len(figures) > 0:
		return "met"
	}
	return "met, by tests"
}

// evidence is what shows the promise, as a cell of a table.
func (p promise) evidence(figures []figure) string {
	var lines []string
	for _, f := range figures {
		line := fmt.Sprintf("%s: %s, goal %s [%s]", f.What, f.Figure(), f.Bound(), f.from)
		if f.Outcome() != result.Met {
			line += " **" + string(f.Outcome()) + "**"
		}
		lines = append(lines, line)
	}
	for i := 0; i < len(p.tests); {
		j := i
		var names []string
		for ; j < len(p.tests) && p.tests[j].folder == p.tests[i].folder; j++ {
			names = append(names, "`"+p.tests[j].name+"`")
		}
		lines = append(lines, strings.Join(names, ", ")+" in "+p.tests[i].folder)
		i = j
	}
	if p.short != "" {
		lines = append(lines, "*Short:* "+p.short)
	}
	return strings.Join(lines, "<br>")
}
