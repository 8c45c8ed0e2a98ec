package podview

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestItems(t *testing.T) {
	t.Parallel()
	list := Items[Container]{{Name: "old", Image: "old"}}
	require.NoError(t, json.Unmarshal([]byte(`[{"name":"a"},{"image":"b"}]`), &list))
	assert.Equal(t, Items[Container]{{Name: "a"}, {Image: "b"}}, list, "what was there before shows through")
	require.NoError(t, json.Unmarshal([]byte(`null`), &list))
	assert.Empty(t, list)
	require.Error(t, json.Unmarshal([]byte(`{}`), &list))
	require.Error(t, json.Unmarshal([]byte(`[{}`), &list))
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
