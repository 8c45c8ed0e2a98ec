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
