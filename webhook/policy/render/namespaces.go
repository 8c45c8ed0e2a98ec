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
		case exclude && match == "true":
			expression = "false"
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

// class is what stands between brackets: characters and ranges, of which one
// that ends before it begins has nothing in it.
func class(inner string) string {
	negated := strings.HasPrefix(inner, "^")
	inner = strings.TrimPrefix(inner, "^")
	next := func() byte {
		c := inner[0]
		if inner = inner[1:]; c == '\\' {
			c, inner = inner[0], inner[1:]
		}
		return c
	}
	var b strings.Builder
	for inner != "" {
		low := next()
		high := low
		if strings.HasPrefix(inner, "-") {
			inner = inner[1:]
			high = next()
		}
		if low <= high {
			fmt.Fprintf(&b, `\x{%x}-\x{%x}`, low, high)
		}
	}
	switch {
	case b.Len() > 0 && negated:
		return "[^" + b.String() + "]"
	case b.Len() > 0:
		return "[" + b.String() + "]"
	case negated:
		return "."
	}
	return `[^\x{0}-\x{10ffff}]`
}
