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
	order []shape            // as they first come
	of    map[shape][]string // the patterns of each
	wild  bool
}

// maxParts is how many labels and segments the texts of shapes with "*" inside
// may be put together from. The API server takes a second to compile 500, and
// four times as long for twice as many.
const maxParts = 500

// parts counts those labels and segments, for each shape once.
func (s shapes) parts() int {
	n := 0
	for _, one := range s.order {
		n += one.parts
	}
	return n
}

// shape is an expression for the text that image i makes, and a condition that
// comes first, or empty. They may look at the segments s of the repository, of
// which the first is the host, and at the labels l of the host.
type shape struct {
	condition, text string
	parts           int // that text is put together from
}

func newShapes(patterns []policy.Pattern) shapes {
	all := shapes{of: map[shape][]string{}}
	for _, p := range patterns {
		s := shapeOf(p)
		if all.of[s] == nil {
			all.order = append(all.order, s)
		}
		all.of[s] = append(all.of[s], p.String())
		all.wild = all.wild || s.condition != ""
	}
	return all
}

// holds is true where a pattern holds for image i.
func (s shapes) holds() string {
	clauses := make([]string, 0, len(s.order))
	for _, one := range s.order {
		clauses = append(clauses, s.clause(one))
	}
	all := strings.Join(clauses, "\n    || ")
	if !s.wild {
		return all
	}
	return "[i.repository.split('/')].exists(s, [i.host.split('.')].exists(l, " + all + "))"
}

// found is a pattern that holds for image i, or empty.
func (s shapes) found() string {
	texts := make([]string, 0, len(s.order))
	for _, one := range s.order {
		texts = append(texts, s.clause(one)+" ? "+one.text+" : ''")
	}
	all := "([\n    " + strings.Join(texts, ",\n    ") + "].filter(p, p != '') + [''])[0]"
	if !s.wild {
		return all
	}
	return "[i.repository.split('/')].map(s, [i.host.split('.')].map(l, " + all + ")[0])[0]"
}

// clause is true where a pattern of one shape holds.
func (s shapes) clause(one shape) string {
	return one.condition + one.text + " in " + literalList(s.of[one])
}

// shapeOf depends on what p leaves open, and on nothing else.
func shapeOf(p policy.Pattern) shape {
	switch {
	case p.Any:
		return shape{text: literal(wildcard)}
	case strings.Contains(p.Host, wildcard) || slices.Contains(p.Path, wildcard):
		return wildShape(p)
	case !p.Rest:
		return shape{text: "i.repository"}
	}
	return shape{text: fmt.Sprintf("i.repository.find(r'^(?:[^/]+/){%d}') + '*'", len(p.Path)+1)}
}

// wildShape is that of a pattern with "*" inside.
func wildShape(p policy.Pattern) shape {
	condition, count := "", len(p.Path)+1
	parts := append([]string{"s[0]"}, partsOf("s", 1, p.Path)...)
	if strings.Contains(p.Host, wildcard) {
		labels := strings.Split(p.Host, ".")
		count += len(labels)
		condition = fmt.Sprintf("l.size() == %d && ", len(labels))
		parts[0] = fmt.Sprintf("[%s].join('.') + i.port", strings.Join(partsOf("l", 0, labels), ", "))
	}
	length := "=="
	if p.Rest {
		length, parts = ">=", append(parts, literal(wildcard))
	}
	return shape{
		condition: condition + fmt.Sprintf("s.size() %s %d && ", length, len(parts)),
		text:      "[" + strings.Join(parts, ", ") + "].join('/')",
		parts:     count,
	}
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
