package policy

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

func TestLint(t *testing.T) {
	t.Parallel()
	shop := []string{"shop"}
	allow := func(patterns ...string) Rule { return Rule{Namespaces: shop, Allow: patterns} }
	both := func(allow, deny []string) Rule { return Rule{Namespaces: shop, Allow: allow, Deny: deny} }
	in := func(namespaces ...string) Rule { return Rule{Namespaces: namespaces, Deny: []string{"evil.io"}} }
	enforced := func(r Rule) Rule { r.Action = Enforce; return r }
	tests := []struct {
		name  string
		rules []Rule
		want  []string
	}{
		{"nothing is odd", []Rule{allow("tcr-demo0001", "quay.io/team/*", "nginx"), {Deny: []string{"evil.io"}}}, nil},
		{"a namespace that is exempt", []Rule{in("kube-system", "shop")}, []string{"[0].namespaces[0]: kube-system is exempt, whatever a rule says"}},
		{"none but ours", []Rule{in("tcr-webhook")}, []string{"[0].namespaces[0]: tcr-webhook is exempt, whatever a rule says", "[0]: never takes effect: it selects no namespace that is judged"}},
		{"a namespace that is taken back", []Rule{in("team-a", "shop", "!team-*")}, []string{"[0].namespaces[0]: team-a never takes effect: what stands after it excludes all that it selects"}},
		{"all taken back", []Rule{in("*", "!*")}, []string{"[0].namespaces[0]: * never takes effect: what stands after it excludes all that it selects", "[0]: never takes effect: it selects no namespace that is judged"}},
		{"a pattern twice", []Rule{allow("tcr-demo0001", "demo-vpc.tencentcloudcr.com")}, []string{"[0].allow[1]: demo-vpc.tencentcloudcr.com adds nothing to tcr-demo0001"}},
		{"a pattern within another", []Rule{allow("quay.io/team/app", "quay.io/*", "tcr-demo0001")}, []string{"[0].allow[0]: quay.io/team/app adds nothing to quay.io/*"}},
		{"one instance's custom domain within all", []Rule{allow("*.example.com", "r.example.com")}, []string{"[0].allow[1]: r.example.com adds nothing to *.example.com"}},
		{"denied what is allowed", []Rule{both([]string{"tcr-demo0001/a/*", "nginx"}, []string{"r.example.com"})}, []string{"[0].allow[0]: tcr-demo0001/a/* never takes effect: deny has r.example.com"}},
		{"denied what is not allowed", []Rule{both([]string{"tcr-demo0001/a/*"}, []string{"demo.tencentcloudcr.com/b/*", "demo.tencentcloudcr.com/*/x"})}, []string{"[0].deny[0]: demo.tencentcloudcr.com/b/* never takes effect: allow lets in nothing of it"}},
		{"everybody's instances", []Rule{allow("*.tencentcloudcr.com")}, []string{"[0].allow[0]: *.tencentcloudcr.com lets in the instances of other TCR customers, too; name your own, such as tcr-m3ut3qxx"}},
		{"somebody's instance", []Rule{allow("demoo.tencentcloudcr.com/a/*", "tcr-demo0001")}, []string{"[0].allow[0]: demoo.tencentcloudcr.com/a/* is the host of no instance in registries: it may be somebody else's, and pods get no login for it"}},
		{"Tencent's mirror is nobody's", []Rule{allow("quay.tencentcloudcr.com", "tcr-demo0001")}, nil},
		{"a namespace for a repository", []Rule{both([]string{"tcr-demo0001"}, []string{"r.example.com/team"})}, []string{"[0].deny[0]: r.example.com/team is one repository, and those of TCR are all in a namespace: for a namespace write r.example.com/team/*"}},
		{"another for an instance", []Rule{allow("tcr-demo0001/team", "registry.k8s.io/pause", "nginx", "tcr-demo0001/a/b")}, []string{"[0].allow[0]: tcr-demo0001/team is one repository, and those of TCR are all in a namespace: for a namespace write tcr-demo0001/team/*"}},
		{"no image of ours", []Rule{allow("nginx")}, []string{"[0].allow: lets in no image of any instance in registries"}},
		{"TKE is locked out", []Rule{{Allow: []string{"tcr-demo0001", "mirror.ccs.tencentyun.com"}}}, []string{"[0].allow: no pattern covers what TKE's own components are pulled from: those outside kube-system, such as in tke-eni-ip-webhook, would be refused; add tke-system"}},
		{"TKE is not, where it has no pods", []Rule{{Namespaces: []string{"*", "!t*", "!c*", "!gatekeeper-system"}, Allow: []string{"tcr-demo0001"}}}, nil},
		{"TKE is denied", []Rule{{Deny: []string{"*.ccs.tencentyun.com"}}}, []string{"[0].deny: has images of TKE's own components (tke-system): those outside kube-system, such as in tke-eni-ip-webhook, would be refused"}},
		{"TKE has no digests", []Rule{{Allow: []string{"tcr-demo0001", "tke-system"}, RequireDigest: true}}, []string{"[0].requireDigest: TKE's own components are named by tags: those outside kube-system, such as in tke-eni-ip-webhook, would be refused; exclude their namespaces"}},
		{"TKE is fine", []Rule{{Allow: []string{"tcr-demo0001", "tke-system"}}}, nil},
		{"two rules that refuse all", []Rule{enforced(allow("tcr-demo0001")), enforced(allow("tcr-xvpc0003"))}, []string{"[1].allow: has no image in common with rule r0, so that together they refuse all"}},
		{"two rules of which one is tried", []Rule{enforced(allow("tcr-demo0001")), allow("tcr-xvpc0003")}, nil},
		{"a rule within another", []Rule{enforced(allow("tcr-demo0001")), allow("tcr-demo0001", "tcr-xvpc0003")}, []string{"[1]: never takes effect: what satisfies rule r0 satisfies it, too"}},
		{"a rule around another", []Rule{{Namespaces: shop, Deny: []string{"evil.io/a"}}, {Namespaces: shop, Deny: []string{"evil.io"}}}, []string{"[1]: leaves rule r0 without effect: what satisfies this one satisfies that, too"}},
		{"a mild rule that tries a stricter one", []Rule{enforced(allow("tcr-demo0001", "tcr-xvpc0003")), allow("tcr-demo0001")}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for i := range tt.rules {
				tt.rules[i].Name = fmt.Sprintf("r%d", i)
				if tt.rules[i].Action == "" {
					tt.rules[i].Action = Audit
				}
			}
			assert.Equal(t, tt.want, lint(t, directory(t), tt.rules...))
		})
	}
}

func lint(t *testing.T, d *registry.Directory, rules ...Rule) []string {
	t.Helper()
	parsed, mistakes := Parse(rules)
	require.Empty(t, mistakes)
	var texts []string
	for _, m := range parsed.Lint(d, "tcr-webhook") {
		place := fmt.Sprintf("[%d]", m.Rule)
		if m.Key != "" {
			place += "." + m.Key
		}
		if m.Index >= 0 {
			place += fmt.Sprintf("[%d]", m.Index)
		}
		texts = append(texts, place+": "+m.Text)
	}
	return texts
}

// What is not known is not warned of.
func TestLintWithoutHosts(t *testing.T) {
	t.Parallel()
	d, _ := registry.NewDirectory([]registry.Entry{{ID: "tcr-late0001", Namespaces: everywhere(t)}})
	assert.Empty(t, lint(t, d,
		Rule{Name: "a", Namespaces: []string{"shop"}, Allow: []string{"tcr-late0001", "other.tencentcloudcr.com"}, Deny: []string{"r.example.com"}, Action: Enforce},
		Rule{Name: "b", Namespaces: []string{"shop"}, Allow: []string{"nginx"}, Action: Enforce}))
	assert.Empty(t, (*Rules)(nil).Lint(d, ""))
}

// TestCovers holds covers and meets to what they say, over all images and
// patterns of a small world.
func TestCovers(t *testing.T) {
	t.Parallel()
	hosts := []string{"a.x", "b.x", "*.x", "*.*", "a.b.x", "*.b.x"}
	paths := []string{"", "/*", "/p", "/q", "/p/*", "/*/p", "/p/q", "/*/*", "/*/q/*", "/p/q/*"}
	var patterns []Pattern
	for _, h := range hosts {
		for _, path := range paths {
			parsed, err := parseTerm(h + path)
			require.NoError(t, err)
			patterns = append(patterns, parsed.pattern)
		}
	}
	patterns = append(patterns, Pattern{Any: true}, Pattern{Host: "a.x", Port: "5000", Rest: true})
	p := compile(t, directory(t))
	holding := make([][]bool, len(patterns))
	for i, pattern := range patterns {
		l := newList([]Pattern{pattern})
		for _, host := range []string{"a.x", "b.x", "c.x", "a.b.x", "c.b.x", "c.c", "c.c.c", "a.x:5000", "c.x:5000"} {
			for _, path := range []string{"p", "q", "r", "p/p", "p/q", "p/r", "q/p", "q/q", "r/p", "r/q", "r/r", "p/p/p", "p/q/r", "q/q/q", "q/p/r", "r/r/r", "r/q/r", "p/r/r", "r/p/r"} {
				img, ok := p.canonical(host + "/" + path)
				require.True(t, ok)
				holding[i] = append(holding[i], l.find(&img) != none)
			}
		}
	}
	for i := range patterns {
		for j := range patterns {
			covers, meets := true, false
			for k := range holding[i] {
				covers = covers && (holding[i][k] || !holding[j][k])
				meets = meets || holding[i][k] && holding[j][k]
			}
			require.Equal(t, covers, patterns[i].covers(patterns[j]), "%s covers %s", patterns[i], patterns[j])
			require.Equal(t, meets, patterns[i].meets(patterns[j]), "%s meets %s", patterns[i], patterns[j])
		}
	}
	assert.True(t, slices.ContainsFunc(holding, func(row []bool) bool { return slices.Contains(row, true) }))
}
