package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Reason is why a rule objects to an image: one of the words below, fit for a
// metric's label.
type Reason string

// The reasons.
const (
	// Denied: a pattern of deny holds for it.
	Denied Reason = "Denied"
	// NotAllowed: no pattern of allow holds for it.
	NotAllowed Reason = "NotAllowed"
	// NoDigest: it has none, and the rule requires one.
	NoDigest Reason = "NoDigest"
	// Unparsable: it is no image reference, so nobody can tell, or pull it.
	Unparsable Reason = "Unparsable"
	// HostsNotKnown: it may be of an instance that the rule names and whose
	// hosts are not known yet. The verdict is still open.
	HostsNotKnown Reason = "HostsNotKnown"
)

// Verdict is what a rule says of an image. The zero value objects to nothing.
type Verdict struct {
	// Action of the rule that objects; empty where none does.
	Action Action
	// Rule is its name.
	Rule   string
	Reason Reason
	// Pattern of deny that holds for the image, as it is written.
	Pattern string
}

// OK tells that nothing is objected to.
func (v Verdict) OK() bool { return v.Action == "" }

// Open tells that the verdict may change as soon as more is known.
func (v Verdict) Open() bool { return v.Reason == HostsNotKnown }

// or is the stricter of v and w, and v of equals.
func (v Verdict) or(w Verdict) Verdict {
	a, b := v.Action.strictness(), w.Action.strictness()
	if b > a || b == a && v.Open() && !w.Open() {
		return w
	}
	return v
}

const (
	// maxNamed is how many patterns a text names.
	maxNamed = 8
	// maxImage is how many bytes of an image a text quotes. A reference may
	// have 255 before its tag, and what is none may have any number.
	maxImage = 300
)

// Text says in a sentence what v has against an image, and what would be
// right. It begins with the image and has no full stop.
func (p *Policy) Text(v Verdict, image string) string {
	named := p.name(image)
	i := slices.IndexFunc(p.rules, func(r rule) bool { return r.Name == v.Rule })
	if i < 0 {
		return fmt.Sprintf("image %s is not objected to", named)
	}
	r := &p.rules[i]
	switch v.Reason {
	case Denied:
		return fmt.Sprintf("image %s is denied by rule %s, which denies %s", named, r.Name, v.Pattern)
	case NoDigest:
		return fmt.Sprintf("image %s is not allowed by rule %s, which wants a digest: write it as name@sha256:…", named, r.Name)
	case Unparsable:
		return fmt.Sprintf("image %s is not allowed by rule %s: it is not an image reference", named, r.Name)
	case HostsNotKnown:
		return fmt.Sprintf("image %s cannot be judged by rule %s yet: the hosts of an instance that it names are not known", named, r.Name)
	}
	return fmt.Sprintf("image %s is not allowed by rule %s; allowed: %s", named, r.Name, p.allowed(r))
}

// name is the image as it is written, and as it is judged where that differs.
func (p *Policy) name(image string) string {
	canonical, ok := p.Canonical(image)
	switch {
	case !ok && len(image) > maxImage:
		return fmt.Sprintf("%q…", image[:maxImage])
	case !ok:
		return fmt.Sprintf("%q", image)
	case canonical == image || strings.HasPrefix(canonical, "docker.io/library/"+image):
		return canonical
	}
	return fmt.Sprintf("%s (%s)", image, canonical)
}

// allowed names what the rule allows.
func (p *Policy) allowed(r *rule) string {
	var names []string
	for _, t := range r.allow {
		if len(names) == maxNamed {
			return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), len(r.allow)-maxNamed)
		}
		name := t.written
		if h, _ := p.directory.CanonicalHost(t.instance); h != "" {
			name = strings.Replace(name, string(t.instance), string(h), 1)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
