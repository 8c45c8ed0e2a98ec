package config

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheExampleIsNotOdd(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../deploy/config.yaml")
	require.NoError(t, err)
	c, err := Decode("config.yaml", data)
	require.NoError(t, err)
	assert.Empty(t, Lint(c))
}
