package policy

import (
	"maps"
	"slices"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// SystemNamespace is never judged: what runs there keeps the cluster up.
const SystemNamespace = "kube-system"

// Policy judges images by rules, as one immutable snapshot. Build it with
// Rules.Compile; a nil Policy objects to nothing.
type Policy struct {
	rules     []rule
	aliases   map[registry.Host]registry.Host
	directory *registry.Directory
	own       string
}

// rule is a parsed rule in terms of hosts.
type rule struct {
	parsed
	allowed, denied        []Pattern
	allows, denies         *list
	allowsMore, deniesMore bool // instances whose hosts are not known yet
}

// Compile puts the rules in terms of d. own is the namespace of tcr-webhook
// itself, which is never judged, as SystemNamespace is not.
func (r *Rules) Compile(d *registry.Directory, own string) *Policy {
	if r == nil {
		return nil
	}
	p := &Policy{aliases: aliasesOf(d), directory: d, own: own, rules: make([]rule, len(r.list))}
	for i, one := range r.list {
		c := rule{parsed: one}
		c.allowed, c.allowsMore = p.expandAll(one.allow)
		c.denied, c.deniesMore = p.expandAll(one.deny)
		c.allows, c.denies = newList(c.allowed), newList(c.denied)
		p.rules[i] = c
	}
	return p
}

// expandAll is what terms stand for. more tells that an instance among them
// has hosts that are not known yet; it may itself be new to the directory.
func (p *Policy) expandAll(terms []term) (patterns []Pattern, more bool) {
	for _, t := range terms {
		expanded := p.expand(t)
		more = more || len(expanded) == 0
		patterns = append(patterns, expanded...)
	}
	return patterns, more
}

// Exempt tells whether pods of the namespace are never judged.
func (p *Policy) Exempt(namespace string) bool {
	return namespace == SystemNamespace || p.own != "" && namespace == p.own
}

// CanonicalRule is a rule with its patterns in canonical form, for whoever
// writes it in another language.
type CanonicalRule struct {
	Name string
	// Namespaces are the globs as written, or "*".
	Namespaces []string
	// Restricts tells that an image has to match one of Allow. It is false
	// where the rule allows whatever it does not deny.
	Restricts     bool
	Allow, Deny   []Pattern
	RequireDigest bool
	Action        Action
	// Incomplete: it names an instance whose hosts are not known yet.
	Incomplete bool
}

// Rules lists the rules in their order.
func (p *Policy) Rules() []CanonicalRule {
	if p == nil {
		return nil
	}
	list := make([]CanonicalRule, 0, len(p.rules))
	for _, r := range p.rules {
		namespaces := r.Namespaces
		if len(namespaces) == 0 {
			namespaces = []string{"*"}
		}
		list = append(list, CanonicalRule{
			Name: r.Name, Namespaces: namespaces, Restricts: r.Allow != nil, Allow: r.allowed, Deny: r.denied,
			RequireDigest: r.RequireDigest, Action: r.Action, Incomplete: r.allowsMore || r.deniesMore,
		})
	}
	return list
}

// Judge is the strictest objection to an image in a namespace, as of a Scope.
func (p *Policy) Judge(namespace, image string) Verdict {
	var strictest Verdict
	if p == nil || p.Exempt(namespace) {
		return strictest
	}
	img, ok := p.canonical(image)
	for i := range p.rules {
		if r := &p.rules[i]; r.selects(namespace) {
			strictest = strictest.or(r.object(&img, ok, p.directory))
		}
	}
	return strictest
}

func (r *rule) selects(namespace string) bool {
	return r.selected.Match(registry.Namespace{Name: namespace})
}

// Scope is the rules that a namespace is under. It may be used again and again
// and keeps its memory.
type Scope struct {
	policy *Policy
	rules  []*rule
}

// Select makes s the rules of p for namespace.
func (s *Scope) Select(p *Policy, namespace string) {
	s.policy, s.rules = p, s.rules[:0]
	if p == nil || p.Exempt(namespace) {
		return
	}
	for i := range p.rules {
		if r := &p.rules[i]; r.selects(namespace) {
			s.rules = append(s.rules, r)
		}
	}
}

// Empty tells that nothing is objected to, whatever the image.
func (s *Scope) Empty() bool { return len(s.rules) == 0 }

// Judge is the strictest objection to an image: of equals the first that is
// certain, in the order of the rules.
func (s *Scope) Judge(image string) Verdict {
	var strictest Verdict
	if s.Empty() {
		return strictest
	}
	img, ok := s.policy.canonical(image)
	for _, r := range s.rules {
		strictest = strictest.or(r.object(&img, ok, s.policy.directory))
	}
	return strictest
}

// Append appends the objection of every rule to an image.
func (s *Scope) Append(verdicts []Verdict, image string) []Verdict {
	if s.Empty() {
		return verdicts
	}
	img, ok := s.policy.canonical(image)
	for _, r := range s.rules {
		if v := r.object(&img, ok, s.policy.directory); !v.OK() {
			verdicts = append(verdicts, v)
		}
	}
	return verdicts
}

// object is the rule's objection to an image, which may be no reference.
func (r *rule) object(img *image, reference bool, d *registry.Directory) Verdict {
	v := Verdict{Reason: Unparsable}
	if reference {
		v = r.judge(img, d)
	}
	if v.Reason != "" {
		v.Rule, v.Action = r.Name, r.Action
	}
	return v
}

// judge is what the rule has against an image, or nothing.
func (r *rule) judge(img *image, d *registry.Directory) Verdict {
	if i := r.denies.find(img); i != none {
		return Verdict{Reason: Denied, Pattern: r.denied[i].Written}
	}
	switch {
	case r.deniesMore && img.Port == "" && d.MayBeOurs(img.Host):
		return Verdict{Reason: HostsNotKnown}
	case r.Allow != nil && r.allows.find(img) == none:
		if r.allowsMore {
			return Verdict{Reason: HostsNotKnown}
		}
		return Verdict{Reason: NotAllowed}
	case r.RequireDigest && !img.Digested():
		return Verdict{Reason: NoDigest}
	}
	return Verdict{}
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
