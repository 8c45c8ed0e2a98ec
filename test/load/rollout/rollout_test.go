package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/load/result"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// A small run is a whole one: three clusters, one after the other. Its times
// tell nothing, and what binds holds there, too.
func TestASmallRun(t *testing.T) { //nolint:paralleltest // its processes are children of this one, found by name
	if testing.Short() {
		t.Skip("it starts three clusters with nodes")
	}
	binary, err := stack.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	dir := t.TempDir()

	err = run(t.Context(), []string{
		"--dir=" + dir, "--binary=" + binary, "--nodes=10", "--namespaces=40", "--pods=200", "--rest=2s",
	}, t.Output())
	require.NoError(t, err)

	all, err := result.Load(dir)
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Equal(t, "go -C test/load run ./rollout --nodes=10 --namespaces=40 --pods=200 --each=10", all[0].Command)
	for _, g := range all[0].Goals {
		assert.NotEqual(t, result.Undecided, g.Outcome(), g.What)
	}
	for _, file := range append(all[0].Details, plotFile) {
		written, err := os.Stat(filepath.Join(dir, file))
		require.NoError(t, err)
		assert.Positive(t, written.Size(), file)
	}
	left, err := filepath.Glob(filepath.Join(inMemory(), "tcr-webhook-rollout-*"))
	require.NoError(t, err)
	assert.Empty(t, left, "folders that nobody removed")
}

func TestOptions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string // in the error; empty: there is none
	}{
		"the defaults fit":                        {nil, ""},
		"no pods":                                 {[]string{"--pods=0"}, "must be 1 at least"},
		"pods that no Deployment has":             {[]string{"--pods=15", "--each=10"}, "multiple of --each=10"},
		"more Deployments than namespaces":        {[]string{"--pods=200", "--namespaces=19"}, "--namespaces=19 is too few"},
		"more pods than nodes have room for":      {[]string{"--pods=2000", "--nodes=19"}, "--nodes=19 is too few"},
		"as many pods as nodes are sure to take":  {[]string{"--pods=2000", "--nodes=20"}, ""},
		"a Deployment for each of the namespaces": {[]string{"--pods=200", "--namespaces=20"}, ""},
		"Deployments of nothing":                  {[]string{"--each=0"}, "must be 1 at least"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o options
			require.NoError(t, o.flags().Parse(tt.args))
			err := o.check()
			if tt.want == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, tt.want)
			}
		})
	}
}
