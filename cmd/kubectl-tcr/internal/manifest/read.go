package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/yaml"
)

// Read reads the objects of a file, in order. An *Error says what is wrong with
// it, and where.
func Read(file string, data []byte) ([]Object, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	r := &reader{file: file}
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(firstValue(data)) {
		err := r.readJSON(data)
		return r.objects, err
	}
	err := r.readYAML(data)
	return r.objects, err
}

// reader reads one file.
type reader struct {
	file     string
	document int
	objects  []Object
}

// firstValue is the JSON at the front of data; flow style of YAML may begin alike.
func firstValue(data []byte) []byte {
	var value json.RawMessage
	_ = json.NewDecoder(bytes.NewReader(data)).Decode(&value) // nil if it is none
	return value
}

func (r *reader) readJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	for {
		var value json.RawMessage
		before := decoder.InputOffset()
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return nil
		}
		r.document++
		place := Place{r.file, r.document, lineAt(data, before)}
		if err != nil {
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				place.Line = lineAt(data, syntax.Offset-1)
			}
			return &Error{place, "this is no JSON: " + err.Error()}
		}
		text := bytes.Repeat([]byte("\n"), place.Line-1)
		if err := r.add(place, append(text, value...), value, 0); err != nil {
			return err
		}
	}
}

// lineAt is the line of the first character at or after offset that is no space.
func lineAt(data []byte, offset int64) int {
	at := int(min(max(offset, 0), int64(len(data))))
	at += len(data[at:]) - len(bytes.TrimLeft(data[at:], " \t\r\n"))
	return 1 + bytes.Count(data[:at], []byte("\n"))
}

// yamlLine finds where the YAML library says that something is wrong.
var yamlLine = regexp.MustCompile(`^(?:error converting YAML to JSON: )?yaml: (?:unmarshal errors:\s*)?(?:line (\d+): )?`)

func (r *reader) readYAML(data []byte) error {
	for _, d := range split(data) {
		if d.empty() {
			continue
		}
		r.document++
		place := Place{r.file, r.document, d.line + d.leading()}
		text, err := kyaml.YAMLToJSON(d.text)
		if err != nil {
			message := err.Error()
			at := yamlLine.FindStringSubmatch(message)
			if len(at) > 1 && at[1] != "" {
				n, _ := strconv.Atoi(at[1]) // of digits alone
				place.Line = d.line + n - 1
			}
			return &Error{place, "this is no YAML: " + strings.TrimPrefix(message, at0(at))}
		}
		if err := r.add(place, d.text, text, d.line-1); err != nil {
			return err
		}
	}
	return nil
}

func at0(match []string) string {
	if len(match) == 0 {
		return ""
	}
	return match[0]
}

// add adds an object, or those of a list. Lines of source begin behind line.
func (r *reader) add(place Place, source, text []byte, line int) error {
	o := Object{Place: place, JSON: text, line: line}
	var tree yaml.Node
	if yaml.Unmarshal(source, &tree) == nil && len(tree.Content) > 0 {
		o.node = tree.Content[0]
	}
	return r.addObject(o, 0)
}

// maxNested bounds lists within lists, which nobody writes.
const maxNested = 10

func (r *reader) addObject(o Object, depth int) error {
	items, err := o.read()
	if err != nil {
		return err
	}
	if items == nil {
		r.objects = append(r.objects, o)
		return nil
	}
	if depth == maxNested {
		return o.At("/items", "lists within lists go too deep")
	}
	list := child(o.node, "items")
	for i, item := range items {
		next := Object{Place: o.Place, JSON: item, line: o.line, node: child(list, strconv.Itoa(i))}
		if next.node != nil {
			next.Line = next.line + next.node.Line
		}
		if err := r.addObject(next, depth+1); err != nil {
			return err
		}
	}
	return nil
}
