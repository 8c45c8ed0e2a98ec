package registry

import (
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is accepted without the library must be what the library accepts.
func FuzzWellFormed(f *testing.F) {
	for _, rest := range []string{
		"team/app:1", "a/b", "a__b/c--d/e.f", "a_-b", "a..b", "a___b", "a-_b", "a.", ".a", "a//b", "a/", "/a", "a:", "a:-", "a@",
		"a:" + strings.Repeat("t", 128), "a:" + strings.Repeat("t", 129), strings.Repeat("p/", 120) + "p",
		"a@" + digest, "a:Tag_1.2-3@" + digest, "a@sha256:" + strings.Repeat("E", 64), "a@sha512:" + strings.Repeat("0", 128), "a:1:2", "a@b@c", "A/b",
	} {
		f.Add(rest)
	}
	const host = "demo.tencentcloudcr.com"
	f.Fuzz(func(t *testing.T, rest string) {
		if !wellFormed(len(host), rest) {
			return
		}
		named, err := reference.ParseNormalizedNamed(host + "/" + rest)
		require.NoError(t, err)
		require.Equal(t, host, reference.Domain(named))
		require.Equal(t, host+"/"+rest, named.String())
	})
}

// The usual forms must not need the library, or the fast way is none.
func TestUsualReferencesAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, rest := range []string{
		"team/app", "team/app:v1.2.3-rc.1", "team/deep/er/app:latest", "a__b/c-d.e_f--g:1", "team/app@" + digest, "team/app:1@" + digest,
	} {
		assert.True(t, wellFormed(len("demo.tencentcloudcr.com"), rest), rest)
	}
	for _, rest := range []string{"", "Team/app", "team//app", "team/app:", "team/app@", "team/$(APP)", "team/app:1:2"} {
		assert.False(t, wellFormed(len("demo.tencentcloudcr.com"), rest), rest)
	}
}
