package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

const wildcard = "*"

// shapes are patterns by what they leave open. From an image one text can be
// made for each shape, and the pattern holds for the image if it is that text:
// so that each shape costs a look into a list, and no pattern is taken for a
// regular expression.
type shapes struct {
	order []string            // expressions of the texts, as they first come
	of    map[string][]string // the patterns of each
	wild  bool                // some texts look at segments s and labels l
}

func newShapes(patterns []policy.Pattern) shapes {
	s := shapes{of: map[string][]string{}}
	for _, p := range patterns {
		text, wild := textFor(p)
		s.wild = s.wild || wild
		if s.of[text] == nil {
			s.order = append(s.order, text)
		}
		s.of[text] = append(s.of[text], p.String())
	}
	return s
}

// holds is true where a pattern holds for image i.
func (s shapes) holds() string {
	clauses := make([]string, 0, len(s.order))
	for _, text := range s.order {
		clauses = append(clauses, text+" in "+literalList(s.of[text]))
	}
	all := strings.Join(clauses, "\n     || ")
	if !s.wild {
		return all
	}
	return "[i.repository.split('/')].exists(s, [i.host.split('.')].exists(l, " + all + "))"
}

// found is a pattern that holds for image i, or empty.
func (s shapes) found() string {
	texts := make([]string, 0, len(s.order))
	for _, text := range s.order {
		texts = append(texts, fmt.Sprintf("%s in %s ? %s : ''", text, literalList(s.of[text]), text))
	}
	all := "([\n     " + strings.Join(texts, ",\n     ") + "].filter(p, p != '') + [''])[0]"
	if !s.wild {
		return all
	}
	return "[i.repository.split('/')].map(s, [i.host.split('.')].map(l, " + all + ")[0])[0]"
}

// textFor is the expression that makes of image i the one text which is p, if
// p holds for it. It depends on what p leaves open, and on nothing else. wild
// tells that it looks at the segments s of the repository, of which the first
// is the host, and at the labels l of the host.
func textFor(p policy.Pattern) (text string, wild bool) {
	switch {
	case p.Any:
		return literal(wildcard), false
	case strings.Contains(p.Host, wildcard) || slices.Contains(p.Path, wildcard):
		return wildText(p), true
	case !p.Rest:
		return "i.repository", false
	}
	return fmt.Sprintf("i.repository.find(r'^(?:[^/]+/){%d}') + '*'", len(p.Path)+1), false
}

// wildText is the same for a pattern with "*" inside.
func wildText(p policy.Pattern) string {
	var conditions []string
	parts := append([]string{"s[0]"}, partsOf("s", 1, p.Path)...)
	if strings.Contains(p.Host, wildcard) {
		labels := strings.Split(p.Host, ".")
		conditions = append(conditions, fmt.Sprintf("l.size() == %d", len(labels)))
		parts[0] = fmt.Sprintf("[%s].join('.') + (i.port == '' ? '' : ':' + i.port)", strings.Join(partsOf("l", 0, labels), ", "))
	}
	length := "=="
	if p.Rest {
		length, parts = ">=", append(parts, literal(wildcard))
	}
	conditions = append(conditions, fmt.Sprintf("s.size() %s %d", length, len(parts)))
	return fmt.Sprintf("(%s ? [%s].join('/') : '')", strings.Join(conditions, " && "), strings.Join(parts, ", "))
}

// partsOf are expressions for labels or segments, in a list that has them from
// an index on.
func partsOf(list string, from int, pattern []string) []string {
	parts := make([]string, len(pattern))
	for i, part := range pattern {
		parts[i] = fmt.Sprintf("%s[%d]", list, from+i)
		if part == wildcard {
			parts[i] = literal(wildcard)
		}
	}
	return parts
}

// hostMatches tells whether a pattern's host holds for a host.
func hostMatches(pattern, host string) bool {
	return slices.EqualFunc(strings.Split(pattern, "."), strings.Split(host, "."), func(a, b string) bool { return a == wildcard || a == b })
}
