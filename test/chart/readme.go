package chart

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Value is one value of the chart that values.yaml documents.
type Value struct {
	Path    string // such as image.tag
	Default any
	Doc     string
}

// Documented lists the values in their order, and the paths of those that have no
// comment, which are mistakes.
func Documented() (documented []Value, bare []string, err error) {
	data, err := os.ReadFile(filepath.Join(Dir(), "values.yaml"))
	if err != nil {
		return nil, nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, nil, fmt.Errorf("read values.yaml: %w", err)
	}
	err = walk(document.Content[0], "", func(path string, key, value *yaml.Node) error {
		doc, is := docOf(key.HeadComment)
		if !is {
			bare = append(bare, path)
			return nil
		}
		var decoded any
		if err := value.Decode(&decoded); err != nil {
			return fmt.Errorf("read default of %s: %w", path, err)
		}
		documented = append(documented, Value{path, decoded, doc})
		return nil
	})
	return documented, bare, err
}

// walk calls each for every value that is documented or has none below it.
func walk(mapping *yaml.Node, prefix string, each func(path string, key, value *yaml.Node) error) error {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		path := prefix + key.Value
		_, documented := docOf(key.HeadComment)
		var err error
		if value.Kind == yaml.MappingNode && len(value.Content) > 0 && !documented {
			err = walk(value, path+".", each)
		} else {
			err = each(path, key, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// docOf is what a comment says of a value: from its line with two dashes on.
func docOf(comment string) (doc string, is bool) {
	var words []string
	for line := range strings.Lines(comment) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#"))
		if text, starts := strings.CutPrefix(line, "-- "); starts {
			words, is = []string{text}, true
			continue
		}
		if is {
			words = append(words, line)
		}
	}
	return strings.Join(words, " "), is
}

// ReadmeFile is where the chart's README is.
func ReadmeFile() string { return filepath.Join(Dir(), "README.md") }

const (
	beforeValues = "<!-- values: made by go run ./test/chart/render -->\n"
	afterValues  = "<!-- end of values -->\n"
)

// Readme is what the chart's README has to be, given what it is: the table of
// values is made anew, the rest stays.
func Readme(now string) (string, error) {
	head, rest, found := strings.Cut(now, beforeValues)
	_, tail, closed := strings.Cut(rest, afterValues)
	if !found || !closed {
		return "", fmt.Errorf("README.md lacks the lines %q and %q", beforeValues, afterValues)
	}
	documented, _, err := Documented()
	if err != nil {
		return "", err
	}
	var table strings.Builder
	table.WriteString("| value | default | meaning |\n|---|---|---|\n")
	for _, v := range documented {
		text, err := json.Marshal(v.Default)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&table, "| `%s` | `%s` | %s |\n", v.Path, shortened(string(text)), strings.ReplaceAll(v.Doc, "|", `\|`))
	}
	return head + beforeValues + table.String() + afterValues + tail, nil
}

// shortened keeps the table readable; values.yaml has the whole.
func shortened(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return text[:1] + "…" + text[len(text)-1:]
}
