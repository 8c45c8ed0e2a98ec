package render

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// selects is the expression for ordered globs, of which the last that matches
// the namespace decides.
func selects(globs []string) (string, error) {
	expression := "false"
	for _, g := range globs {
		glob, exclude := strings.CutPrefix(g, "!")
		if _, err := path.Match(glob, ""); err != nil {
			return "", fmt.Errorf("namespaces has %q, which is no glob: %w", g, err)
		}
		match := globExpression(glob)
		switch {
		case exclude && expression == "true":
			expression = "!(" + match + ")"
		case exclude && expression != "false":
			expression = "(" + expression + ") && !(" + match + ")"
		case !exclude && (expression == "false" || match == "true"):
			expression = match
		case !exclude && expression != "true":
			expression = "(" + expression + ") || " + match
		}
	}
	return expression, nil
}

// globExpression is one glob of path.Match, for a name without a slash.
func globExpression(glob string) string {
	switch {
	case glob == "*":
		return "true"
	case !strings.ContainsAny(glob, `*?[\`):
		return "request.namespace == " + literal(glob)
	}
	return "request.namespace.matches(" + literal(globPattern(glob)) + ")"
}

// globPattern is a glob, known to be one, as a regular expression.
func globPattern(glob string) string {
	var b strings.Builder
	b.WriteString("^")
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		case '[':
			end := classEnd(glob, i)
			b.WriteString(class(glob[i+1 : end]))
			i = end
		case '\\':
			i++
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return b.String() + "$"
}

// classEnd is the index of the bracket that closes the one at start.
func classEnd(glob string, start int) int {
	i := start + 1
	if glob[i] == '^' {
		i++
	}
	for first := true; first || glob[i] != ']'; first = false {
		if glob[i] == '\\' {
			i++
		}
		i++
	}
	return i
}

// class is what stands between brackets, where all but ranges is literal.
func class(inner string) string {
	negated := ""
	if strings.HasPrefix(inner, "^") {
		negated, inner = "^", inner[1:]
	}
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; {
		case c == '\\':
			i++
			fmt.Fprintf(&b, `\x{%x}`, inner[i])
		case c == '-':
			b.WriteByte('-')
		default:
			fmt.Fprintf(&b, `\x{%x}`, c)
		}
	}
	return "[" + negated + b.String() + "]"
}
