package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/test/load/document"
	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

const head = `# What was promised, and what was measured

Written by ` + "`go -C test/load run ./report`" + `, from what the commands below have left in [results](results).

Every goal has a row: what it says, whole; what was measured for it, with the command's name in square brackets and in
round ones the least and the greatest of the rounds; the tests that show what cannot be measured, or is either so or not; and
where all of that falls short of the goal. A goal of which one figure is missed is called missed. Ratios are taken within one
run, by turns. A time is the machine's as much as ours, and so a missed time fails no run; a missed ratio or count does.
`

const commandsNote = `
The tests in test/load are run by ` + "`make chaos`" + `, those in test/e2e by ` + "`make e2e`" + ` as root, all others by ` + "`make test`" + `. One alone:
` + "`go test -run 'TestName$' ./its/folder`" + `, with ` + "`-C test/load`" + ` after ` + "`go`" + ` for those of test/load.
`

func markdown(results []result.Result) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	b.WriteString("\n## The runs\n\n")
	b.WriteString(runsTable(results))
	b.WriteString(commandsNote)
	for _, part := range parts() {
		fmt.Fprintf(&b, "\n## %s\n\n", part.title)
		if part.note != "" {
			b.WriteString(part.note + "\n\n")
		}
		b.WriteString(promisesTable(part.promises, results))
	}
	if rest := others(results); len(rest) > 0 {
		b.WriteString("\n## More\n\nWhat the runs measured beside the goals.\n\n")
		b.WriteString(result.Table(rest))
	}
	b.WriteString(beside)
	return b.Bytes()
}

func runsTable(results []result.Result) string {
	var rows [][]string
	for _, r := range results {
		var details []string
		for _, d := range r.Details {
			details = append(details, "["+d+"]("+d+")")
		}
		rows = append(rows, []string{r.Name, "`" + r.Command + "`", r.Machine, r.Load, strings.Join(details, ", ")})
	}
	return document.Table([]string{"", "command", "machine", "load average", "details"}, rows)
}

func promisesTable(promises []promise, results []result.Result) string {
	var rows [][]string
	for _, p := range promises {
		figures := p.figures(results)
		rows = append(rows, []string{p.id, p.text, p.evidence(figures), p.outcome(figures)})
	}
	return document.Table([]string{"", "goal", "what shows it", ""}, rows)
}

// others are the goals that no promise has.
func others(results []result.Result) []result.Goal {
	var rest []result.Goal
	for _, r := range results {
		for _, g := range r.Goals {
			promised := slices.ContainsFunc(parts(), func(p part) bool {
				return slices.ContainsFunc(p.promises, func(p promise) bool { return p.id == g.ID })
			})
			if !promised {
				g.ID += " [" + r.Name + "]"
				rest = append(rest, g)
			}
		}
	}
	return rest
}
