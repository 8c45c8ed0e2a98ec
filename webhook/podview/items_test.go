package podview

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestList(t *testing.T) {
	t.Parallel()
	var r Review
	decoded := func(list string) ([]Container, error) {
		err := r.Decode([]byte(`{"request":{"object":{"spec":{"containers":` + list + `}}}}`))
		return r.Request.Object.Spec.Containers, err
	}
	_, err := decoded(`[{"name":"old","image":"old"},{"name":"old"}]`)
	require.NoError(t, err)
	list, err := decoded(`[{"name":"a"},{"image":"b"}]`)
	require.NoError(t, err)
	assert.Equal(t, []Container{{Name: "a"}, {Image: "b"}}, list, "what was there before shows through")
	list, err = decoded(`null`)
	require.NoError(t, err)
	assert.Empty(t, list)
	for _, wrong := range []string{`{}`, `[{}`, `[1]`, `"a"`} {
		_, err = decoded(wrong)
		require.Error(t, err, wrong)
	}
}

// A review of millions of empty containers would fill our memory.
func TestAListThatCannotBeStoredIsRefused(t *testing.T) {
	t.Parallel()
	of := func(n int) []byte {
		return []byte(`{"request":{"object":{"spec":{"containers":[` + strings.Repeat("{},", n-1) + `{}]}}}}`)
	}
	var r Review
	require.NoError(t, r.Decode(of(maxItems)))
	assert.Len(t, r.Request.Object.Spec.Containers, maxItems)
	assert.ErrorContains(t, r.Decode(of(maxItems+1)), "longer than any that can be stored")
}
