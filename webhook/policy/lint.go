package policy

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// maxCompared is how many patterns of a list are compared with each other,
// which takes a quarter of a second at the most.
const maxCompared = 1000

// systemNamespaces are where TKE runs components of its own, besides
// SystemNamespace.
func systemNamespaces() []string {
	return []string{
		"tke-eni-ip-webhook", "tcr-assistant-system", "clusternet-system", "tcss", "crane-system", "gatekeeper-system",
		"tke-backup", "cerberus-system", "cosign-system", "tke-monitor",
	}
}

// Lint finds what is allowed in rules and hardly meant: what can never take
// effect, what locks out TKE's own images or every instance, and what lets in
// more than it seems to. It warns of what it is sure of, as far as the hosts
// of instances are known in d.
func (r *Rules) Lint(d *registry.Directory, own string) []Mistake {
	p := r.Compile(d, own)
	if p == nil {
		return nil
	}
	l := &linter{policy: p, names: map[registry.Host]bool{}, system: systemPatterns()}
	for _, to := range d.Aliases() {
		l.names[to] = true
	}
	for i := range p.rules {
		l.rule = i
		l.namespaces(&p.rules[i])
		l.list("allow", p.rules[i].allow)
		l.list("deny", p.rules[i].deny)
		l.allowAgainstDeny(&p.rules[i])
		l.strangers(&p.rules[i])
		l.repositories("allow", p.rules[i].allow)
		l.repositories("deny", p.rules[i].deny)
		l.lockedOut(&p.rules[i])
		for j := range i {
			l.pair(&p.rules[j], &p.rules[i])
		}
	}
	return l.found
}

type linter struct {
	policy *Policy
	names  map[registry.Host]bool // that instances go by
	system []Pattern              // systemPatterns
	rule   int
	found  []Mistake
}

func (l *linter) add(key string, index int, format string, args ...any) {
	l.found = append(l.found, Mistake{Rule: l.rule, Key: key, Index: index, Text: fmt.Sprintf(format, args...)})
}

// namespaces finds globs that select nothing which is judged.
func (l *linter) namespaces(r *rule) {
	living := len(r.Namespaces) == 0
	for i, glob := range r.Namespaces {
		switch {
		case strings.HasPrefix(glob, "!"):
		case l.policy.Exempt(glob):
			l.add("namespaces", i, "%s is exempt, whatever a rule says", glob)
		case excluded(glob, r.Namespaces[i+1:]):
			l.add("namespaces", i, "%s never takes effect: what stands after it excludes all that it selects", glob)
		default:
			living = true
		}
	}
	if !living {
		l.add("", -1, "never takes effect: it selects no namespace that is judged")
	}
}

// excluded tells whether later globs exclude all that glob selects.
func excluded(glob string, later []string) bool {
	for _, g := range later {
		exclude, excludes := strings.CutPrefix(g, "!")
		matches, err := path.Match(exclude, glob)
		plain := !strings.ContainsAny(glob, `*?[\`)
		if excludes && (exclude == "*" || exclude == glob || plain && matches && err == nil) {
			return true
		}
	}
	return false
}

// list finds patterns that another one of the list makes needless.
func (l *linter) list(key string, terms []term) {
	if len(terms) > maxCompared {
		return
	}
	expanded := make([][]Pattern, len(terms))
	for i, t := range terms {
		expanded[i] = l.policy.expand(t)
	}
	for i := range terms {
		for j := range terms {
			needless := i != j && len(expanded[i]) > 0 && allCovered(expanded[i], expanded[j])
			if needless && (i > j || !allCovered(expanded[j], expanded[i])) {
				l.add(key, i, "%s adds nothing to %s", terms[i].written, terms[j].written)
				break
			}
		}
	}
}

// allowAgainstDeny finds patterns of one list that the other leaves without
// effect.
func (l *linter) allowAgainstDeny(r *rule) {
	if len(r.allowed)*len(r.denied) > maxCompared*maxCompared {
		return
	}
	for i, t := range r.allow {
		expanded := l.policy.expand(t)
		if len(expanded) > 0 && allCovered(expanded, r.denied) {
			by, _ := expanded[0].coveredBy(r.denied)
			l.add("allow", i, "%s never takes effect: deny has %s", t.written, by.Written)
		}
	}
	for i, t := range r.deny {
		expanded := l.policy.expand(t)
		if r.Allow != nil && !r.allowsMore && len(expanded) > 0 && !meet(expanded, r.allowed) {
			l.add("deny", i, "%s never takes effect: allow lets in nothing of it", t.written)
		}
	}
}

// strangers finds patterns for TCR instances that are nobody's, or everybody's.
func (l *linter) strangers(r *rule) {
	suffix := Pattern{Host: "*" + registry.Suffix, Rest: true}
	for i, t := range r.allow {
		h := registry.Host(t.pattern.Host)
		switch {
		case t.system || t.instance != "" || t.pattern.Any || t.pattern.Port != "" || !suffix.covers(Pattern{Host: t.pattern.Host, Rest: true}):
		case strings.HasPrefix(t.pattern.Host, wildcard):
			l.add("allow", i, "%s lets in the instances of other TCR customers, too; name your own, such as tcr-m3ut3qxx", t.written)
		case l.policy.aliases[h] == "" && !l.known(h) && !l.policy.directory.MayBeOurs(h):
			l.add("allow", i, "%s is the host of no instance in registries: it may be somebody else's, and pods get no login for it", t.written)
		}
	}
}

// repositories finds patterns for one repository where there can be none: all
// of TCR's are in a namespace.
func (l *linter) repositories(key string, terms []term) {
	for i, t := range terms {
		host := registry.Host(t.pattern.Host)
		ours := t.instance != "" || l.policy.aliases[host] != "" && l.policy.aliases[host] != registry.DockerHub || l.known(host) ||
			strings.HasSuffix(string(host), ".ccs.tencentyun.com")
		if ours && len(t.pattern.Path) == 1 && !t.pattern.Rest {
			l.add(key, i, "%s is one repository, and those of TCR are all in a namespace: for a namespace write %s/*", t.written, t.written)
		}
	}
}

// known tells whether h is a name that an instance goes by, or one of TKE's.
func (l *linter) known(h registry.Host) bool {
	_, system := Pattern{Host: string(h), Rest: true}.coveredBy(l.system)
	return system || l.names[h]
}

// lockedOut finds rules that TKE's components, or all images of ours, do not
// satisfy.
func (l *linter) lockedOut(r *rule) {
	i := slices.IndexFunc(systemNamespaces(), func(n string) bool { return !l.policy.Exempt(n) && r.selects(n) })
	switch {
	case i < 0:
	case r.Allow != nil && !allCovered(l.system, r.allowed):
		l.add("allow", -1, "no pattern covers what TKE's own components are pulled from: those outside kube-system, such as in %s, would be refused; add %s", systemNamespaces()[i], TKESystem)
	case meet(l.system, r.denied):
		l.add("deny", -1, "has images of TKE's own components (%s): those outside kube-system, such as in %s, would be refused", TKESystem, systemNamespaces()[i])
	case r.RequireDigest:
		l.add("requireDigest", -1, "TKE's own components are named by tags: those outside kube-system, such as in %s, would be refused; exclude their namespaces", systemNamespaces()[i])
	}
	if ours := l.instances(); r.Allow != nil && !r.allowsMore && len(ours) > 0 && !meet(ours, r.allowed) {
		l.add("allow", -1, "lets in no image of any instance in registries")
	}
}

// instances are patterns for all that the instances have, as far as known.
func (l *linter) instances() []Pattern {
	var patterns []Pattern
	for _, id := range l.policy.directory.IDs() {
		if h, _ := l.policy.directory.CanonicalHost(id); h != "" {
			patterns = append(patterns, Pattern{Host: string(h), Rest: true})
		}
	}
	return patterns
}

// pair compares a rule with one before it that is for the same namespaces.
func (l *linter) pair(a, b *rule) {
	if !sameNamespaces(a, b) || len(a.allowed)*len(b.allowed) > maxCompared*maxCompared {
		return
	}
	both := a.Allow != nil && b.Allow != nil && !a.allowsMore && !b.allowsMore
	switch {
	case both && a.Action == Enforce && b.Action == Enforce && !meet(a.allowed, b.allowed):
		l.add("allow", -1, "has no image in common with rule %s, so that together they refuse all", a.Name)
	case !b.adds(a) && b.Action.strictness() <= a.Action.strictness():
		l.add("", -1, "never takes effect: what satisfies rule %s satisfies it, too", a.Name)
	case !a.adds(b) && a.Action.strictness() <= b.Action.strictness():
		l.add("", -1, "leaves rule %s without effect: what satisfies this one satisfies that, too", a.Name)
	}
}

func sameNamespaces(a, b *rule) bool {
	globs := func(r *rule) []string {
		if len(r.Namespaces) == 0 {
			return []string{"*"}
		}
		return r.Namespaces
	}
	return slices.Equal(globs(a), globs(b))
}

// adds tells whether r may object to what satisfies other.
func (r *rule) adds(other *rule) bool {
	if r.allowsMore || r.deniesMore || other.allowsMore || other.deniesMore {
		return true
	}
	return r.RequireDigest && !other.RequireDigest || !allCovered(r.denied, other.denied) ||
		r.Allow != nil && (other.Allow == nil || !allCovered(other.allowed, r.allowed))
}
