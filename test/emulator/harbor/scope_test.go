package harbor

import (
	"strings"
	"testing"

	"github.com/distribution/distribution/v3/registry/auth/token"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
)

func TestParseScopes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   []string
		want []string
	}{
		"one":                     {[]string{"repository:team/hello:pull"}, []string{"repository:team/hello:pull"}},
		"several actions":         {[]string{"repository:team/hello:pull,push"}, []string{"repository:team/hello:pull,push"}},
		"an action twice":         {[]string{"repository:team/hello:pull,pull"}, []string{"repository:team/hello:pull"}},
		"several in one":          {[]string{"repository:a/b:pull  repository:c/d:push"}, []string{"repository:a/b:pull", "repository:c/d:push"}},
		"several parameters":      {[]string{"repository:a/b:pull", "registry:catalog:*"}, []string{"repository:a/b:pull", "registry:catalog:*"}},
		"a name with a colon":     {[]string{"repository:host:5000/a:pull"}, []string{"repository:host:5000/a:pull"}},
		"none":                    {nil, nil},
		"blanks":                  {[]string{"  "}, nil},
		"no actions":              {[]string{"repository:a/b:"}, nil},
		"no colon after the name": {[]string{"repository:a/b"}, nil},
		"no name":                 {[]string{"repository::pull"}, nil},
		"no type":                 {[]string{":a/b:pull"}, nil},
		"the good among the bad":  {[]string{"x repository:a/b:pull y"}, []string{"repository:a/b:pull"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, s := range parseScopes(test.in) {
				got = append(got, s.kind+":"+s.name+":"+strings.Join(s.actions, ","))
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestGrantKeepsWhatIsAllowed(t *testing.T) {
	t.Parallel()
	scopes := parseScopes([]string{"repository:a/b:pull,push", "repository:c/d:pull", "registry:catalog:*"})
	got := grant(scopes, func(action, repository string) bool { return action == "pull" && repository == "a/b" })
	want := []*token.ResourceActions{{Type: "repository", Name: "a/b", Actions: []string{"pull"}}}
	assert.Empty(t, cmp.Diff(want, got), "-want +got")
}

func FuzzParseScope(f *testing.F) {
	for _, seed := range []string{"repository:team/hello:pull,push", "registry:catalog:*", "::", "a:b", "repository:h:5000/x:pull"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, ok := parseScope(in)
		if !ok {
			return
		}
		assert.NotEmpty(t, got.kind)
		assert.NotEmpty(t, got.name)
		assert.NotEmpty(t, got.actions)
		text := got.kind + ":" + got.name + ":" + strings.Join(got.actions, ",")
		again, ok := parseScope(text)
		assert.True(t, ok, text)
		assert.Equal(t, got, again)
	})
}
