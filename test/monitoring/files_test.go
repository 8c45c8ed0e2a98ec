package monitoring

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write deploy/monitoring anew")

// What lies in deploy/monitoring is for those who do without the chart, and is
// made from the chart's files.
func TestTheFilesForThoseWithoutHelmAreTheChartsOwn(t *testing.T) {
	t.Parallel()
	want := map[string][]byte{}
	for _, name := range append(RuleFiles(), DashboardJSON) {
		data, err := Read(name)
		require.NoError(t, err)
		if name == DashboardJSON {
			want[name] = data
			continue
		}
		want["prometheusrule"+strings.TrimPrefix(name, "rules")] = PrometheusRule(name, data)
	}
	dir := filepath.Join(Root(), "deploy", "monitoring")
	if *update {
		for name, data := range want {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		}
	}
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, found, len(want))
	for name, data := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, string(data), string(got), "%s: go test ./test/monitoring -update", name)
	}
}

func TestAPrometheusRuleHoldsTheRulesAsTheyAre(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, name := range RuleFiles() {
		data, err := Read(name)
		require.NoError(t, err)
		var plain map[string]any
		require.NoError(t, yaml.Unmarshal(data, &plain))
		var object struct {
			APIVersion, Kind string
			Metadata         struct{ Name string }
			Spec             map[string]any
		}
		require.NoError(t, yaml.Unmarshal(PrometheusRule(name, data), &object))
		assert.Equal(t, "monitoring.coreos.com/v1 PrometheusRule", object.APIVersion+" "+object.Kind)
		assert.Equal(t, plain, object.Spec)
		names[object.Metadata.Name] = true
	}
	assert.Len(t, names, len(RuleFiles()), "each has a name of its own")
}

const runbook = "https://github.com/tcr-webhook/tcr-webhook/blob/main/deploy/README.md#"

// heading is one of a section; GitHub makes its anchor of it.
var heading = regexp.MustCompile(`(?m)^#+ +(\S+)\s*$`)

func TestEveryAlertSaysWhatToDo(t *testing.T) {
	t.Parallel()
	alerts, err := Alerts()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(Root(), "deploy", "README.md"))
	require.NoError(t, err)
	var sections []string
	for _, found := range heading.FindAllSubmatch(text, -1) {
		sections = append(sections, string(found[1]))
	}
	var names []string
	for _, a := range alerts {
		assert.Regexp(t, `^TCR[A-Za-z]+$`, a.Alert)
		assert.Contains(t, []string{"critical", "warning", "info"}, a.Severity(), a.Alert)
		assert.Equal(t, runbook+strings.ToLower(a.Alert), a.Annotations["runbook_url"])
		assert.Contains(t, sections, a.Alert, "deploy/README.md has a section for it")
		assert.NotEmpty(t, a.Annotations["description"], a.Alert)
		assert.Less(t, len(a.Annotations["summary"]), 120, a.Alert)
		names = append(names, a.Alert)
	}
	for _, s := range sections {
		if strings.HasPrefix(s, "TCR") {
			assert.Contains(t, names, s, "the section is for an alert that there is")
		}
	}
	for i := range alerts {
		for _, other := range alerts[:i] {
			same := alerts[i].Alert == other.Alert
			assert.False(t, same && alerts[i].Severity() == other.Severity(), alerts[i].Alert)
		}
	}
}

// inTemplate is a label that a text asks for.
var inTemplate = regexp.MustCompile(`\$labels\.(\w+)`)

func TestTextsUseLabelsThatTheExpressionKeeps(t *testing.T) {
	t.Parallel()
	alerts, err := Alerts()
	require.NoError(t, err)
	for _, a := range alerts {
		used, err := Uses(a.Expr)
		require.NoError(t, err)
		for _, text := range a.Annotations {
			for _, label := range inTemplate.FindAllStringSubmatch(text, -1) {
				assert.Contains(t, used.Grouping, label[1], a.Alert)
			}
		}
	}
}

func TestEveryPanelSaysWhenToWorry(t *testing.T) {
	t.Parallel()
	d, err := ReadDashboard()
	require.NoError(t, err)
	var names, rows []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
	}
	assert.Equal(t, []string{"datasource", "cluster", "namespace", "instance"}, names)
	var ids []int
	for _, p := range d.Panels {
		assert.NotContains(t, ids, p.ID, p.Title)
		ids = append(ids, p.ID)
		assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		if p.Type == "row" {
			rows = append(rows, p.Title)
			continue
		}
		assert.Contains(t, p.Description, "Worry ", p.Title)
		assert.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			assert.Contains(t, target.Expr, `cluster=~"$cluster",namespace=~"$namespace"`, p.Title)
			assert.NotContains(t, Filled(target.Expr, "5m", "6h"), "$", p.Title)
		}
	}
	assert.Equal(t, []string{"Is it well?", "Admission", "Credentials", "Cloud API", "Routes", "Policy", "Process"}, rows)
}

func TestPanelsDoNotOverlap(t *testing.T) {
	t.Parallel()
	d, err := ReadDashboard()
	require.NoError(t, err)
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				assert.Empty(t, taken[[2]int{x, y}], p.Title)
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

func TestFaster(t *testing.T) {
	t.Parallel()
	const text = "for: 5m\nexpr: rate(x{a=\"5m\"}[1h]) > 5 unless y offset 90s\nrange: [1d]"
	assert.Equal(t, "for: 5000ms\nexpr: rate(x{a=\"5m\"}[60000ms]) > 5 unless y offset 1500ms\nrange: [1440000ms]", string(Faster([]byte(text), 60)))
	assert.Equal(t, "for: 1ms", string(Faster([]byte("for: 1s"), 1<<20)), "nothing is no duration")
	for _, name := range RuleFiles() {
		data, err := Read(name)
		require.NoError(t, err)
		fast := Faster(data, 60)
		assert.NotEqual(t, string(data), string(fast), name)
		_, err = Decode(fast)
		require.NoError(t, err)
	}
}

func TestUses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, expr string
		metrics    map[string][]string
		grouping   []string
	}{
		{"a metric alone", `up`, map[string][]string{"up": nil}, nil},
		{"with labels", `up{job="x", code=~"a{b}|c\"d"} == 1`, map[string][]string{"up": {"job", "code"}}, nil},
		{"a rate", `sum by (a, b) (rate(x_total{c!="d"}[5m])) > 1e3`, map[string][]string{"x_total": {"c"}}, []string{"a", "b"}},
		{"grouping behind", `sum(x) by (a)`, map[string][]string{"x": nil}, []string{"a"}},
		{"two and an offset", `x unless on (a) y offset 15m or vector(0)`, map[string][]string{"x": nil, "y": nil}, []string{"a"}},
		{"of time", `(min(x) - time()) / y{a=""}`, map[string][]string{"x": nil, "y": {"a"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			used, err := Uses(tt.expr)
			require.NoError(t, err)
			assert.Equal(t, tt.metrics, used.Metrics)
			slices.Sort(used.Grouping)
			assert.Equal(t, tt.grouping, used.Grouping)
		})
	}
	for _, bad := range []string{`x{a="b"`, `sum by a (x)`, `by`} {
		_, err := Uses(bad)
		assert.Error(t, err, bad)
	}
}

func FuzzUses(f *testing.F) {
	f.Add(`sum by (a) (rate(x{b="c"}[5m])) > 1`)
	f.Add(`by ) (`)
	f.Fuzz(func(_ *testing.T, expr string) { _, _ = Uses(expr) })
}
