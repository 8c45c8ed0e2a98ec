package hostsfile

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what is expected anew")

// TestCorpus holds each hosts file of testdata/corpus: NAME.in as found,
// NAME.want with the block, NAME.removed without it.
func TestCorpus(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/corpus/*.in")
	require.NoError(t, err)
	require.Greater(t, len(names), 20)
	entries := listed(t)
	for _, name := range names {
		base := strings.TrimSuffix(name, ".in")
		t.Run(filepath.Base(base), func(t *testing.T) {
			t.Parallel()
			in, err := os.ReadFile(name)
			require.NoError(t, err)
			with, without := Apply(in, entries), Apply(in, nil)
			golden(t, base+".want", with)
			golden(t, base+".removed", without)
			assertInvariants(t, in, entries)
		})
	}
}

// listed is the list of testdata/hosts.yaml.
func listed(t testing.TB) []Entry {
	t.Helper()
	data, err := os.ReadFile("testdata/hosts.yaml")
	require.NoError(t, err)
	entries, err := Decode("hosts.yaml", data)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	return entries
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(name, got, 0o600))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}
