package policy

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

func everywhere(t testing.TB) registry.Namespaces {
	t.Helper()
	n, err := registry.SelectNamespaces(nil, nil)
	require.NoError(t, err)
	return n
}

// entries are what testdata/verdicts.txt says they are.
func entries(t testing.TB) []registry.Entry {
	t.Helper()
	all := everywhere(t)
	return []registry.Entry{
		{ID: "tcr-demo0001", Namespaces: all, Hosts: registry.Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com", Custom: []registry.Host{"r.example.com"}}},
		{ID: "tcr-xvpc0003", Namespaces: all, Hosts: registry.Hosts{Public: "x-vpc.tencentcloudcr.com", Private: "x-vpc-vpc.tencentcloudcr.com"}},
		{ID: "tcr-team0004", Namespaces: all, Hosts: registry.Hosts{Public: "team.tencentcloudcr.com", Private: "team-vpc.tencentcloudcr.com", Custom: []registry.Host{"team.example.com"}}},
	}
}

func directory(t testing.TB, more ...registry.Entry) *registry.Directory {
	t.Helper()
	d, conflicts := registry.NewDirectory(append(entries(t), more...))
	require.Empty(t, conflicts)
	return d
}

func compile(t testing.TB, d *registry.Directory, rules ...Rule) *Policy {
	t.Helper()
	parsed, mistakes := Parse(rules)
	require.Empty(t, mistakes)
	return parsed.Compile(d, "tcr-webhook")
}

type row struct {
	pattern, image string
	holds          bool
}

func table(t testing.TB) []row {
	t.Helper()
	data, err := os.ReadFile("testdata/verdicts.txt")
	require.NoError(t, err)
	var rows []row
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(line, "\t")
		require.Len(t, columns, 3, line)
		require.Contains(t, []string{"yes", "no"}, columns[2], line)
		rows = append(rows, row{columns[0], columns[1], columns[2] == "yes"})
	}
	require.GreaterOrEqual(t, len(rows), 120)
	return rows
}

func TestTable(t *testing.T) {
	t.Parallel()
	d := directory(t)
	for _, r := range table(t) {
		t.Run(r.pattern+" "+r.image, func(t *testing.T) {
			t.Parallel()
			_, reference := registry.ParseReference(r.image)
			denied, allowed := Verdict{Enforce, "r", Denied, r.pattern}, Verdict{Enforce, "r", NotAllowed, ""}
			switch {
			case !reference:
				assert.False(t, r.holds)
				denied, allowed = Verdict{Enforce, "r", Unparsable, ""}, Verdict{Enforce, "r", Unparsable, ""}
			case r.holds:
				allowed = Verdict{}
			default:
				denied = Verdict{}
			}
			allow := compile(t, d, Rule{Name: "r", Allow: []string{r.pattern}, Action: Enforce})
			assert.Equal(t, allowed, allow.Judge("shop", r.image), "allow")
			deny := compile(t, d, Rule{Name: "r", Deny: []string{r.pattern}, Action: Enforce})
			assert.Equal(t, denied, deny.Judge("shop", r.image), "deny")
		})
	}
}

func TestRulesJudgeEachForThemselves(t *testing.T) {
	t.Parallel()
	p := compile(t, directory(t),
		Rule{Name: "noted", Allow: []string{"tcr-demo0001"}, Action: Audit},
		Rule{Name: "beware", Namespaces: []string{"*", "!team-*"}, Deny: []string{"nginx"}, Action: Warn},
		Rule{Name: "digests", Namespaces: []string{"team-?"}, RequireDigest: true, Action: Enforce},
		Rule{Name: "ours", Namespaces: []string{"team-a", "kube-system", "tcr-webhook"}, Allow: []string{"tcr-demo0001", "quay.io"}, Action: Enforce},
	)
	noted, beware := Verdict{Audit, "noted", NotAllowed, ""}, Verdict{Warn, "beware", Denied, "nginx"}
	digests, ours := Verdict{Enforce, "digests", NoDigest, ""}, Verdict{Enforce, "ours", NotAllowed, ""}
	const digest = "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	tests := []struct {
		namespace, image string
		want             []Verdict
		strictest        Verdict
	}{
		{"shop", "demo-vpc.tencentcloudcr.com/a", nil, Verdict{}},
		{"shop", "nginx:1", []Verdict{noted, beware}, beware},
		{"team-a", "nginx:1", []Verdict{noted, digests, ours}, digests},
		{"team-a", "nginx" + digest, []Verdict{noted, ours}, ours},
		{"team-a", "quay.io/a:1" + digest, []Verdict{noted}, noted},
		{"team-b", "nginx" + digest, []Verdict{noted}, noted},
		{"team-bb", "nginx", []Verdict{noted}, noted},
		{"kube-system", "nginx", nil, Verdict{}},
		{"tcr-webhook", "nginx", nil, Verdict{}},
	}
	var s Scope
	for _, tt := range tests {
		s.Select(p, tt.namespace)
		assert.Equal(t, tt.want, s.Append(nil, tt.image), "%s in %s", tt.image, tt.namespace)
		assert.Equal(t, tt.strictest, s.Judge(tt.image), "%s in %s", tt.image, tt.namespace)
		assert.Equal(t, tt.strictest, p.Judge(tt.namespace, tt.image), "%s in %s", tt.image, tt.namespace)
	}
	var none *Policy
	s.Select(none, "shop")
	assert.True(t, s.Empty())
	assert.True(t, s.Judge("nginx").OK())
	assert.True(t, none.Judge("shop", "nginx").OK())
	assert.Empty(t, none.Rules())
}

// A verdict stays open only where the hosts that are not known make a
// difference.
func TestHostsThatAreNotKnown(t *testing.T) {
	t.Parallel()
	d := directory(t, registry.Entry{ID: "tcr-late0005", Namespaces: everywhere(t)})
	allow := compile(t, d, Rule{Name: "r", Allow: []string{"tcr-late0005", "nginx"}, Deny: []string{"docker.io/evil/*"}, Action: Enforce},
		Rule{Name: "certain", Deny: []string{"docker.io"}, Action: Enforce})
	deny := compile(t, d, Rule{Name: "r", Deny: []string{"tcr-late0005/a/*"}, Action: Enforce})
	open := Verdict{Enforce, "r", HostsNotKnown, ""}
	assert.Equal(t, open, allow.Judge("shop", "late.tencentcloudcr.com/a"))
	assert.Equal(t, open, allow.Judge("shop", "late.example.com/a"), "it may be a custom domain")
	assert.Equal(t, Verdict{Enforce, "r", Denied, "docker.io/evil/*"}, allow.Judge("shop", "evil/a"))
	assert.Equal(t, Verdict{Enforce, "certain", Denied, "docker.io"}, allow.Judge("shop", "team/a"), "what is certain goes before")
	assert.Equal(t, open, deny.Judge("shop", "late.tencentcloudcr.com/a/b"))
	assert.True(t, deny.Judge("shop", "demo.tencentcloudcr.com/a/b").OK())
	assert.True(t, deny.Judge("shop", "late.tencentcloudcr.com:5000/a/b").OK())
	assert.True(t, allow.Rules()[0].Incomplete)
	assert.False(t, allow.Rules()[1].Incomplete)
}

func TestText(t *testing.T) {
	t.Parallel()
	long := []string{"a.io", "b.io", "c.io", "d.io", "e.io", "f.io", "g.io", "tcr-demo0001/x/*", "h.io", "i.io"}
	p := compile(t, directory(t),
		Rule{Name: "short", Allow: []string{"tcr-demo0001", "tke-system"}, Deny: []string{"r.example.com/attic/*"}, RequireDigest: true, Action: Enforce},
		Rule{Name: "long", Allow: long, Action: Enforce},
	)
	tests := []struct {
		rule   string
		reason Reason
		image  string
		want   string
	}{
		{"short", NotAllowed, "nginx:1", "image docker.io/library/nginx:1 is not allowed by rule short; allowed: demo.tencentcloudcr.com, tke-system"},
		{"short", NotAllowed, "team/app", "image team/app (docker.io/team/app) is not allowed by rule short; allowed: demo.tencentcloudcr.com, tke-system"},
		{"short", NotAllowed, "quay.io/a", "image quay.io/a is not allowed by rule short; allowed: demo.tencentcloudcr.com, tke-system"},
		{"long", NotAllowed, "quay.io/a", "image quay.io/a is not allowed by rule long; allowed: a.io, b.io, c.io, d.io, e.io, f.io, g.io, demo.tencentcloudcr.com/x/* and 2 more"},
		{"short", Denied, "demo-vpc.tencentcloudcr.com/attic/a", "image demo-vpc.tencentcloudcr.com/attic/a (demo.tencentcloudcr.com/attic/a) is denied by rule short, which denies r.example.com/attic/*"},
		{"short", NoDigest, "demo.tencentcloudcr.com/a/b:1", "image demo.tencentcloudcr.com/a/b:1 is not allowed by rule short, which wants a digest: write it as name@sha256:…"},
		{"short", Unparsable, "a b", `image "a b" is not allowed by rule short: it is not an image reference`},
		{"short", Unparsable, strings.Repeat("A", 400), `image "` + strings.Repeat("A", 300) + `"… is not allowed by rule short: it is not an image reference`},
		{"short", HostsNotKnown, "a.io/b", "image a.io/b cannot be judged by rule short yet: the hosts of an instance that it names are not known"},
		{"", "", "nginx", "image docker.io/library/nginx is not objected to"},
	}
	for _, tt := range tests {
		v := Verdict{Rule: tt.rule, Reason: tt.reason}
		if tt.reason == Denied {
			v.Pattern = "r.example.com/attic/*"
		}
		assert.Equal(t, tt.want, p.Text(v, tt.image))
	}
}

func TestCanonicalRules(t *testing.T) {
	t.Parallel()
	p := compile(t, directory(t),
		Rule{Name: "a", Allow: []string{"nginx", "tcr-demo0001/x/*", "*.example.com/y", "localhost:5000", "*", "MYHOST:443/z"}, Deny: []string{"demo-vpc.tencentcloudcr.com"}, Action: Warn},
		Rule{Name: "b", Namespaces: []string{"shop", "!*-b"}, RequireDigest: true, Action: Enforce},
	)
	var texts []string
	for _, pattern := range p.Rules()[0].Allow {
		texts = append(texts, pattern.Written+" "+pattern.String())
	}
	assert.Equal(t, []string{
		"nginx docker.io/library/nginx", "tcr-demo0001/x/* demo.tencentcloudcr.com/x/*", "*.example.com/y *.example.com/y",
		"*.example.com/y demo.tencentcloudcr.com/y", "*.example.com/y team.tencentcloudcr.com/y",
		"localhost:5000 localhost:5000/*", "* *", "MYHOST:443/z myhost:443/z",
	}, texts)
	assert.Equal(t, []Pattern{{Written: "demo-vpc.tencentcloudcr.com", Host: "demo.tencentcloudcr.com", Rest: true}}, p.Rules()[0].Deny)
	assert.True(t, p.Rules()[0].Restricts)
	assert.Equal(t, []string{"*"}, p.Rules()[0].Namespaces)
	assert.Equal(t, CanonicalRule{Name: "b", Namespaces: []string{"shop", "!*-b"}, RequireDigest: true, Action: Enforce}, p.Rules()[1])
	assert.Equal(t, map[string]string{
		"index.docker.io": "docker.io", "registry-1.docker.io": "docker.io", "registry.hub.docker.com": "docker.io",
		"demo-vpc.tencentcloudcr.com": "demo.tencentcloudcr.com", "r.example.com": "demo.tencentcloudcr.com",
		"x-vpc-vpc.tencentcloudcr.com": "x-vpc.tencentcloudcr.com",
		"team-vpc.tencentcloudcr.com":  "team.tencentcloudcr.com", "team.example.com": "team.tencentcloudcr.com",
	}, p.Aliases())
	for image, want := range map[string]string{
		"nginx": "docker.io/library/nginx", "R.Example.com:0443/a:1": "demo.tencentcloudcr.com/a:1", "MYHOST/z": "myhost:443/z", "localhost/a": "localhost/a",
	} {
		got, ok := p.Canonical(image)
		assert.True(t, ok)
		assert.Equal(t, want, got)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	good := Rule{Name: "good", Deny: []string{"nginx"}, Action: Audit}
	tests := []struct {
		name string
		edit func(*Rule)
		want Mistake
	}{
		{"no name", func(r *Rule) { r.Name = "" }, Mistake{1, "name", -1, `"" is not the name of a rule: `}},
		{"a name that is taken", func(r *Rule) { r.Name = "good" }, Mistake{1, "name", -1, `"good" is the name of another rule, too`}},
		{"no action", func(r *Rule) { r.Action = "" }, Mistake{1, "action", -1, `"" is not one of Audit, Warn, Enforce`}},
		{"only exclusions", func(r *Rule) { r.Namespaces = []string{"!a"} }, Mistake{1, "namespaces", -1, "only exclusions"}},
		{"an empty allow", func(r *Rule) { r.Allow = []string{} }, Mistake{1, "allow", -1, "is empty, so that nothing could run"}},
		{"no restriction", func(r *Rule) { r.Deny = nil }, Mistake{1, "", -1, "restricts nothing"}},
		{"an empty pattern", func(r *Rule) { r.Deny = []string{"a", ""} }, Mistake{1, "deny", 1, `"" has an empty segment`}},
		{"a tag", func(r *Rule) { r.Deny = []string{"nginx:1"} }, Mistake{1, "deny", 0, `"nginx:1" is not a pattern: want host[:port][/path], without a tag`}},
		{"a tag that is no port", func(r *Rule) { r.Deny = []string{"nginx:1.27"} }, Mistake{1, "deny", 0, `"nginx:1.27" is not a pattern: want host[:port][/path], without a tag`}},
		{"a digest", func(r *Rule) { r.Allow = []string{"quay.io/a@sha256:12"} }, Mistake{1, "allow", 0, `"quay.io/a@sha256:12" is not a pattern`}},
		{"a star for a host", func(r *Rule) { r.Allow = []string{"*/a"} }, Mistake{1, "allow", 0, `"*/a" names no host`}},
		{"half a label", func(r *Rule) { r.Allow = []string{"a*.io"} }, Mistake{1, "allow", 0, `"a*.io" can match no image: *`}},
		{"half a segment", func(r *Rule) { r.Allow = []string{"quay.io/a*"} }, Mistake{1, "allow", 0, `"quay.io/a*" can match no image: *`}},
		{"two stars", func(r *Rule) { r.Allow = []string{"quay.io/**"} }, Mistake{1, "allow", 0, `"quay.io/**" can match no image: *`}},
		{"any port", func(r *Rule) { r.Allow = []string{"quay.io:*"} }, Mistake{1, "allow", 0, `"quay.io:*" can match no image: *`}},
		{"a word for a port", func(r *Rule) { r.Allow = []string{"quay.io:https/a"} }, Mistake{1, "allow", 0, `"quay.io:https/a" can match no image: want`}},
		{"a dot at the end", func(r *Rule) { r.Allow = []string{"quay.io."} }, Mistake{1, "allow", 0, `"quay.io." can match no image`}},
		{"a slash at the end", func(r *Rule) { r.Allow = []string{"quay.io/"} }, Mistake{1, "allow", 0, `"quay.io/" has an empty segment`}},
		{"a space", func(r *Rule) { r.Allow = []string{"quay.io /a"} }, Mistake{1, "allow", 0, `"quay.io /a" is not a pattern`}},
		{"upper case in an image of Docker Hub", func(r *Rule) { r.Allow = []string{"Nginx"} }, Mistake{1, "allow", 0, `"Nginx" can match no image: paths are in lower case`}},
		{"a name that an id begins like", func(r *Rule) { r.Allow = []string{"tcr-Demo/app"} }, Mistake{1, "allow", 0, `"tcr-Demo" is not an instance id`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bad := good
			bad.Name = "bad"
			tt.edit(&bad)
			rules, mistakes := Parse([]Rule{good, bad})
			assert.Nil(t, rules)
			require.Len(t, mistakes, 1)
			assert.Contains(t, mistakes[0].Text, tt.want.Text)
			mistakes[0].Text = tt.want.Text
			assert.Equal(t, tt.want, mistakes[0])
		})
	}
	rules, mistakes := Parse([]Rule{{Name: "a", Allow: []string{"nginx", "tcr-demo0001"}, Deny: []string{"tcr-demo0002/a"}, Action: Audit}})
	require.Empty(t, mistakes)
	unknown := rules.Unconfigured([]registry.ID{"tcr-demo0001"})
	require.Len(t, unknown, 1)
	assert.Contains(t, unknown[0].Text, "instance tcr-demo0002 is none of registries")
	assert.Equal(t, Mistake{Rule: 0, Key: "deny", Index: 0, Text: unknown[0].Text}, unknown[0])
}
