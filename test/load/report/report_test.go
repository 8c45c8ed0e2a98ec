package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

// root is the project's.
const root = "../../.."

func promises() (all []promise) {
	for _, p := range parts() {
		all = append(all, p.promises...)
	}
	return all
}

func TestEveryGoalHasOneRow(t *testing.T) {
	t.Parallel()
	rows := map[string]int{}
	for _, p := range promises() {
		rows[p.id]++
		assert.Equal(t, 1, rows[p.id], p.id)
		assert.True(t, strings.HasSuffix(p.text, ".") || strings.HasSuffix(p.text, ".)"), "%s is not told in a sentence", p.id)
	}
	for letter, last := range map[string]int{"P": 12, "R": 23} {
		for i := range last {
			assert.Contains(t, rows, fmt.Sprint(letter, i+1))
		}
	}
}

// functions are those of the tests of a package.
func functions(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	require.NoError(t, err)
	found := map[string]bool{}
	for _, f := range files {
		file, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
				found[f.Name.Name] = true
			}
		}
	}
	return found
}

func TestEveryTestThatIsNamedIsThere(t *testing.T) {
	t.Parallel()
	of := map[string]map[string]bool{}
	for _, p := range promises() {
		for _, named := range p.tests {
			if of[named.folder] == nil {
				of[named.folder] = functions(t, named.folder)
			}
			assert.True(t, of[named.folder][named.name], "%s: %s has no %s", p.id, named.folder, named.name)
		}
	}
}

func TestWhatBecameOfAPromise(t *testing.T) {
	t.Parallel()
	tests := in("webhook", "TestX")
	got := func(v float64) []figure {
		return []figure{{result.Goal{Want: 1, Got: 1}, "a"}, {result.Goal{Want: 1, Got: v}, "b"}}
	}
	for want, tt := range map[string]struct {
		promise
		figures []figure
	}{
		"met":           {promise{tests: tests}, got(1)},
		"**missed**":    {promise{tests: tests, short: "a bit"}, got(2)},
		"**undecided**": {promise{}, got(math.NaN())},
		"in part":       {promise{short: "a bit"}, got(0)},
		"met, by tests": {promise{tests: tests}, nil},
		"**not shown**": {promise{short: "it cannot be"}, nil},
	} {
		assert.Equal(t, want, tt.outcome(tt.figures))
	}
}

func TestTheReportHasEveryFigure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, r := range []result.Result{
		{Name: "one", Command: "make one", Machine: "a machine", Load: "0.5 before", Details: []string{"one.md"}, Goals: []result.Goal{
			{ID: "P1", What: "a time", Want: 20, Got: 21, Low: 19, High: 24, Unit: "µs"},
			{ID: "word", What: "nobody's", Want: 3, Got: 2},
		}},
		{Name: "two", Goals: []result.Goal{{ID: "P1", What: "another", Want: 3, Got: 3, Binding: true}}},
	} {
		require.NoError(t, r.Save(dir))
	}
	require.NoError(t, run([]string{"--dir", dir}))
	text, err := os.ReadFile(filepath.Join(dir, file))
	require.NoError(t, err)
	for _, want := range []string{
		"| one | `make one` | a machine | 0.5 before | [one.md](one.md) |",
		"a time: 21 µs (19–24), goal ≤ 20 µs [one] **missed**<br>another: 3, goal ≤ 3 [two]",
		"| word [one] | nobody's | ≤ 3 | 2 | met |",
	} {
		assert.Contains(t, string(text), want)
	}
	for _, p := range promises() {
		assert.Contains(t, string(text), "| "+p.id+" | "+p.text+" |")
	}
}

func TestTheReportIsOfTheResults(t *testing.T) {
	t.Parallel()
	results, err := result.Load("..")
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join("..", file))
	require.NoError(t, err)
	assert.Equal(t, string(markdown(results)), string(text), "go -C test/load run ./report")
}
