package result_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

func TestOnlyBindingGoalsFail(t *testing.T) {
	t.Parallel()
	require.NoError(t, result.Verdict([]result.Goal{
		{ID: "P1", What: "exactly", Want: 10, Got: 10, Binding: true},
		{ID: "P1", What: "a time", Want: 20, Got: 21, Unit: "µs"},
		{ID: "P5", What: "a share", Want: 99, Got: 99, AtLeast: true, Unit: "%", Binding: true},
	}))
	err := result.Verdict([]result.Goal{
		{ID: "P1", What: "allocations", Want: 10, Got: 11, Binding: true},
		{ID: "P2", What: "CPU", Want: 2, Got: 2.5, Low: 2.4, High: 2.6, Binding: true},
		{ID: "P5", What: "share", Want: 99, Got: 98, AtLeast: true, Unit: "%", Binding: true},
		{ID: "L3", What: "added", Want: 1.3, Got: math.NaN(), Binding: true},
	})
	assert.EqualError(t, err, "goal missed: P1 allocations: 11, want ≤ 10\n"+
		"goal missed: P2 CPU: 2.50 (2.40–2.60), want ≤ 2\n"+
		"goal missed: P5 share: 98 %, want ≥ 99 %\n"+
		"goal undecided: L3 added: ?, want ≤ 1.30")
}

func TestNumbersHaveThreeDigitsThatCount(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]float64{
		"0": 0, "7": 7, "0.038": 0.0382, "1.48": 1.4811, "25.7": 25.66, "9896": 9896.4, "-1.50": -1.5, "?": math.NaN(),
	} {
		assert.Equal(t, want, result.Number(v))
	}
}

func TestResultsAreReadAsTheyWereSaved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	saved := []result.Result{
		{Name: "a", Command: "make a", Machine: "m", Load: "1", Details: []string{"a.md"}, Goals: []result.Goal{
			{ID: "P1", What: "w", Want: 1, Got: 0.5, AtLeast: true, Unit: "ms", Low: 0.25, High: 0.75, Binding: true},
		}},
		{Name: "b", Goals: []result.Goal{{ID: "word", Got: math.NaN()}}},
	}
	for i := range saved {
		require.NoError(t, saved[len(saved)-1-i].Save(dir))
	}
	read, err := result.Load(dir)
	require.NoError(t, err)
	require.Len(t, read, 2)
	assert.Equal(t, saved[0], read[0])
	assert.Equal(t, result.Undecided, read[1].Goals[0].Outcome(), "what is no number stays none")
}

func TestWhatIsNoResultIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.ErrorContains(t, (&result.Result{Name: "../a"}).Save(dir), "no name of a file")
	require.NoError(t, os.Mkdir(filepath.Join(dir, result.Folder), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, result.Folder, "bad.json"), []byte("{"), 0o644))
	_, err := result.Load(dir)
	assert.ErrorContains(t, err, "bad.json")
}
