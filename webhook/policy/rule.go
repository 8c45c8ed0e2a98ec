package policy

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Action is what becomes of a pod that a rule objects to.
type Action string

// The actions, from the mildest to the strictest.
const (
	// Audit admits, counts and leaves an audit annotation.
	Audit Action = "Audit"
	// Warn does the same and tells whoever sent the pod.
	Warn Action = "Warn"
	// Enforce denies.
	Enforce Action = "Enforce"
)

// Actions lists them, the mildest first.
func Actions() []Action { return []Action{Audit, Warn, Enforce} }

// strictness orders actions; zero is none.
func (a Action) strictness() int {
	switch a {
	case Audit:
		return 1
	case Warn:
		return 2
	case Enforce:
		return 3
	}
	return 0
}

// Rule is one rule as an administrator writes it.
type Rule struct {
	// Name is a DNS label, and the rule's alone.
	Name string
	// Namespaces are ordered globs, of which the last match decides; "!"
	// before a glob excludes. None means all. See registry.SelectNamespaces.
	Namespaces []string
	// Allow are the patterns of images that may run; nil lets run whatever
	// Deny does not name. See Pattern.
	Allow []string
	// Deny are the patterns of images that may not, whatever Allow says.
	Deny []string
	// RequireDigest asks every image for a digest.
	RequireDigest bool
	Action        Action
}

// Mistake is what is wrong with a value of a rule.
type Mistake struct {
	Rule  int    // index of the rule
	Key   string // as the configuration calls it: name, namespaces, allow, deny, action; empty for the rule as a whole
	Index int    // in the list of that key; negative for the value as a whole
	Text  string // says what would be right
}

// Rules are rules without a mistake. Build them with Parse; nil are none.
type Rules struct {
	list []parsed
}

// parsed is a Rule in the terms of this package.
type parsed struct {
	Rule
	selected    registry.Namespaces
	allow, deny []term
}

// Parse checks rules. There are either Rules or mistakes.
func Parse(rules []Rule) (*Rules, []Mistake) {
	var mistakes []Mistake
	list := make([]parsed, len(rules))
	names := map[string]bool{}
	for i, r := range rules {
		add := func(key string, index int, text string) {
			mistakes = append(mistakes, Mistake{Rule: i, Key: key, Index: index, Text: text})
		}
		list[i] = r.parse(add)
		if names[r.Name] {
			add("name", -1, fmt.Sprintf("%q is the name of another rule, too", r.Name))
		}
		names[r.Name] = true
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return &Rules{list: list}, nil
}

func (r Rule) parse(add func(key string, index int, text string)) parsed {
	p := parsed{Rule: r}
	if msgs := validation.IsDNS1123Label(r.Name); len(msgs) > 0 {
		add("name", -1, fmt.Sprintf("%q is not the name of a rule: %s", r.Name, msgs[0]))
	}
	if r.Action.strictness() == 0 {
		add("action", -1, fmt.Sprintf("%q is not one of %s", r.Action, words(Actions())))
	}
	var err error
	if p.selected, err = registry.SelectNamespaces(r.Namespaces, nil); err != nil {
		add("namespaces", -1, err.Error())
	}
	p.allow = parseAll(r.Allow, "allow", add)
	p.deny = parseAll(r.Deny, "deny", add)
	switch {
	case r.Allow != nil && len(r.Allow) == 0:
		add("allow", -1, "is empty, so that nothing could run; leave it out to restrict by deny and requireDigest alone")
	case r.Allow == nil && len(r.Deny) == 0 && !r.RequireDigest:
		add("", -1, "restricts nothing; give it allow, deny or requireDigest")
	}
	return p
}

func parseAll(patterns []string, key string, add func(key string, index int, text string)) []term {
	terms := make([]term, 0, len(patterns))
	for i, text := range patterns {
		t, err := parseTerm(text)
		if err != nil {
			add(key, i, err.Error())
			continue
		}
		terms = append(terms, t)
	}
	return terms
}

// Unconfigured finds the instances that patterns name and that are not among
// ids.
func (r *Rules) Unconfigured(ids []registry.ID) []Mistake {
	var mistakes []Mistake
	for i := range r.list {
		find := func(key string, terms []term) {
			for j, t := range terms {
				if t.instance != "" && !slices.Contains(ids, t.instance) {
					mistakes = append(mistakes, Mistake{Rule: i, Key: key, Index: j, Text: fmt.Sprintf("instance %s is none of registries, so its hosts are not known; add it there, or name its hosts here", t.instance)})
				}
			}
		}
		find("allow", r.list[i].allow)
		find("deny", r.list[i].deny)
	}
	return mistakes
}

func words[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, w := range list {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}
