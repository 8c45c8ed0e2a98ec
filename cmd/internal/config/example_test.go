package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheExamplesAreNotOdd(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../deploy/examples/configs/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			c, err := Decode(file, data)
			require.NoError(t, err)
			assert.Empty(t, Lint(c))
		})
	}
}
