package render

import (
	"flag"
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

var update = flag.Bool("update", false, "write the golden files")

func compile(t *testing.T, entries []registry.Entry, rules ...policy.Rule) *policy.Policy {
	t.Helper()
	d, conflicts := registry.NewDirectory(entries)
	require.Empty(t, conflicts)
	parsed, mistakes := policy.Parse(rules)
	require.Empty(t, mistakes)
	return parsed.Compile(d, "tcr-webhook")
}

func renderAll(p *policy.Policy) ([]Rendered, error) {
	return Policies(p.Rules(), p.Aliases(), "tcr-webhook")
}

func demo(t *testing.T) []registry.Entry {
	t.Helper()
	all, err := registry.SelectNamespaces(nil, nil)
	require.NoError(t, err)
	return []registry.Entry{
		{ID: "tcr-demo0001", Namespaces: all, Hosts: registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"}},
		{ID: "tcr-late0005", Namespaces: all},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	p := compile(t, demo(t), policy.Rule{
		Name: "only-ours", Namespaces: []string{"*", "!sandbox"}, Allow: []string{"tcr-demo0001", "registry.k8s.io/*/pause", "nginx"},
		Deny: []string{"tcr-demo0001/attic/*"}, RequireDigest: true, Action: policy.Enforce,
	}, policy.Rule{Name: "noted", Deny: []string{"*.evil.io"}, Action: policy.Audit})
	rendered, err := renderAll(p)
	require.NoError(t, err)
	var got strings.Builder
	for _, r := range rendered {
		objects := []any{r.Policy}
		for _, b := range r.Bindings {
			objects = append(objects, b)
		}
		for _, o := range objects {
			text, err := yaml.Marshal(o)
			require.NoError(t, err)
			fmt.Fprintf(&got, "---\n%s", text)
		}
	}
	const name = "testdata/policies.yaml"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(name, []byte(got.String()), 0o600))
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(string(want), got.String()), "-want +got; -update writes it anew")
}

func TestLimits(t *testing.T) {
	t.Parallel()
	many := func(n int, pattern string) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf(pattern, i))
		}
		return list
	}
	var shapes []string
	for i := range 40 {
		shapes = append(shapes, "quay.io/*"+strings.Repeat("/a", i+1))
	}
	tests := map[string]struct {
		rule policy.Rule
		want string // empty: it is rendered
	}{
		"200 patterns":                     {policy.Rule{Allow: many(150, "r%d.io"), Deny: many(50, "r%d.io/a")}, ""},
		"200 patterns, one of which a set": {policy.Rule{Allow: append(many(199, "r%d.io"), "tke-system")}, ""},
		"201 patterns":                     {policy.Rule{Allow: many(150, "r%d.io"), Deny: many(51, "r%d.io/a")}, "it has 201 patterns, and expressions take 200 at most"},
		"hosts that are not known":         {policy.Rule{Allow: []string{"tcr-late0005"}}, "it names an instance whose hosts are not known"},
		"stars in many places":             {policy.Rule{Allow: shapes}, "have * in so many different places"},
		"long ones":                        {policy.Rule{Deny: many(200, "r%d.io/"+strings.Repeat("a", 245))}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.rule.Name, tt.rule.Action = "big", policy.Enforce
			_, err := renderAll(compile(t, demo(t), tt.rule))
			if tt.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, "rule big cannot be rendered: ")
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestNamespaces(t *testing.T) {
	t.Parallel()
	tests := []struct {
		globs []string
		want  string
	}{
		{[]string{"*"}, "true"},
		{[]string{"shop"}, "request.namespace == 'shop'"},
		{[]string{"*", "!shop"}, "!(request.namespace == 'shop')"},
		{[]string{"shop", "team-*", "!team-b", "x?"}, `(((request.namespace == 'shop') || request.namespace.matches("^team-.*$")) && !(request.namespace == 'team-b')) || request.namespace.matches('^x.$')`},
		{[]string{"shop", "*", "!a", "b"}, "(!(request.namespace == 'a')) || request.namespace == 'b'"},
		{[]string{"*", "!*", "a"}, "request.namespace == 'a'"},
	}
	for _, tt := range tests {
		got, err := selects(tt.globs)
		require.NoError(t, err)
		assert.Equal(t, strings.ReplaceAll(tt.want, `"`, `'`), got)
	}
}

// FuzzGlob holds patterns to path.Match, which package registry uses.
func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{{"team-*", "team-a"}, {"t?am-[ab]", "team-b"}, {"[^a-c]x", "dx"}, {`\*[\]\-]`, "*]"}, {"a.b", "axb"}, {"*a*b*", "xaxbx"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, glob, name string) {
		for _, text := range []string{glob, name} { // names of namespaces, and globs for them
			if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '/' }) {
				return
			}
		}
		if _, err := registry.SelectNamespaces([]string{glob}, nil); err != nil {
			return
		}
		want, err := path.Match(glob, name)
		if err != nil {
			return
		}
		assert.Equal(t, want, regexp.MustCompile(globPattern(glob)).MatchString(name), "%s: %s", glob, globPattern(glob))
	})
}
