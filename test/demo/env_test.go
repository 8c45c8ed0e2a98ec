package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClaim(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		there string // what the file holds; LIVE is a folder that exists
		spare bool
		err   string
	}{
		"nothing is there":                         {},
		"a demo that runs keeps its own":           {there: environment("LIVE"), spare: true},
		"what a killed demo left is taken":         {there: environment("/nowhere/demo-1")},
		"a file that is not of a demo is kept":     {there: "export PATH=/x\n", err: "not of a demo"},
		"nor is one that only names the variables": {there: "# " + dirVariable + "\n", err: "not of a demo"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			wanted, there := filepath.Join(dir, "demo.env"), tt.there
			if there == environment("LIVE") {
				there = environment(dir)
			}
			if there != "" {
				require.NoError(t, os.WriteFile(wanted, []byte(there), 0o600))
			}
			d := &demo{dir: t.TempDir()}
			got, err := d.claim(wanted)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				assert.Equal(t, there, read(t, wanted))
				return
			}
			require.NoError(t, err)
			want := wanted
			if tt.spare {
				want = filepath.Join(d.dir, "env")
				assert.Equal(t, there, read(t, wanted))
			}
			assert.Equal(t, want, got)
			assert.Equal(t, environment(d.dir), read(t, got))
		})
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}
