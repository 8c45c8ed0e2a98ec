package monitoring

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Used is what an expression takes from metrics.
type Used struct {
	// Metrics are the names, each with the labels that it is selected by.
	Metrics map[string][]string
	// Grouping are the labels that by, on and ignoring name.
	Grouping []string
}

// The parts of an expression: strings, numbers and durations, words, the rest.
var part = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[0-9][0-9a-z.]*|[a-zA-Z_:][a-zA-Z0-9_:]*|\S`)

var (
	grouping  = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
	operators = []string{
		"and", "or", "unless", "offset", "bool", "sum", "min", "max", "avg", "count", "topk", "bottomk", "quantile", "stddev", "stdvar", "group",
	}
)

// Uses takes an expression of PromQL apart. It knows no types: whether an
// expression makes sense is Prometheus's to say.
func Uses(expr string) (*Used, error) {
	u := &Used{Metrics: map[string][]string{}}
	parts := part.FindAllString(expr, -1)
	for len(parts) > 0 {
		word := parts[0]
		parts = parts[1:]
		switch {
		case slices.Contains(grouping, word):
			list, rest, err := until(parts, "(", ")")
			if err != nil {
				return nil, fmt.Errorf("%s in %q: %w", word, expr, err)
			}
			u.Grouping, parts = append(u.Grouping, words(list)...), rest
		case !isWord(word) || slices.Contains(operators, word) || len(parts) > 0 && parts[0] == "(":
		default:
			labels, rest, err := matched(parts)
			if err != nil {
				return nil, fmt.Errorf("%s in %q: %w", word, expr, err)
			}
			u.Metrics[word], parts = append(u.Metrics[word], labels...), rest
		}
	}
	return u, nil
}

// matched are the labels in the braces that parts may begin with.
func matched(parts []string) (labels, rest []string, err error) {
	if len(parts) == 0 || parts[0] != "{" {
		return nil, parts, nil
	}
	list, rest, err := until(parts, "{", "}")
	return words(list), rest, err
}

func until(parts []string, begin, end string) (inside, rest []string, err error) {
	stop := slices.Index(parts, end)
	if len(parts) == 0 || parts[0] != begin || stop < 0 {
		return nil, nil, fmt.Errorf("no %s…%s", begin, end)
	}
	return parts[1:stop], parts[stop+1:], nil
}

func words(parts []string) []string {
	return slices.DeleteFunc(slices.Clone(parts), func(p string) bool { return !isWord(p) })
}

func isWord(p string) bool {
	return p != "" && (p[0] == '_' || p[0] == ':' || strings.ContainsAny(p[:1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
}
