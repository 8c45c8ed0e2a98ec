package manifest

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Place is where an object stands.
type Place struct {
	File     string `json:"file"`
	Document int    `json:"document"` // from 1; those without content do not count
	Line     int    `json:"line"`     // from 1, in the file
}

func (p Place) String() string {
	return fmt.Sprintf("%s: document %d, line %d", p.File, p.Document, p.Line)
}

// Error is what is wrong with a manifest, and where.
type Error struct {
	Place
	Text string
}

func (e *Error) Error() string { return e.String() + ": " + e.Text }

// Object is one object of a file.
type Object struct {
	Place
	// JSON is all of it.
	JSON []byte

	APIVersion, Kind, Namespace, Name string

	node *yaml.Node // nil where JSON alone was read
	line int        // of the file, before the first of the node's
}

// Group is that of the object's API.
func (o *Object) Group() string {
	group, _, grouped := strings.Cut(o.APIVersion, "/")
	if !grouped {
		return ""
	}
	return group
}

// String is the object as kubectl names it.
func (o *Object) String() string { return strings.ToLower(o.Kind) + "/" + o.Name }

// At is an error about the value that a JSON pointer leads to, at its line.
func (o *Object) At(pointer, text string) error {
	e := &Error{o.Place, text}
	if n := find(o.node, pointer); n != nil {
		e.Line = o.line + n.Line
	}
	return e
}

// find follows a JSON pointer as far as it leads.
func find(n *yaml.Node, pointer string) *yaml.Node {
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		next := child(n, strings.NewReplacer("~1", "/", "~0", "~").Replace(part))
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

func child(n *yaml.Node, key string) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n == nil:
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return n.Content[i+1]
			}
		}
	case n.Kind == yaml.SequenceNode:
		for i, item := range n.Content {
			if fmt.Sprint(i) == key {
				return item
			}
		}
	}
	return nil
}

// head is what every object has.
type head struct {
	APIVersion any `json:"apiVersion"`
	Kind       any `json:"kind"`
	Metadata   any `json:"metadata"`
	Items      any `json:"items"`
}

// read fills in what the object says of itself.
func (o *Object) read() (items []json.RawMessage, err error) {
	var h head
	if json.Unmarshal(o.JSON, &h) != nil {
		return nil, o.At("", "this is no object: want apiVersion, kind and metadata")
	}
	var ok bool
	if o.Kind, ok = h.Kind.(string); !ok || o.Kind == "" {
		return nil, o.At("/kind", "the object has no kind, such as Pod")
	}
	if o.APIVersion, ok = h.APIVersion.(string); !ok || o.APIVersion == "" {
		return nil, o.At("/apiVersion", "the object has no apiVersion, such as v1")
	}
	if h.Items != nil && strings.HasSuffix(o.Kind, "List") {
		var list struct {
			Items []json.RawMessage `json:"items"`
		}
		if json.Unmarshal(o.JSON, &list) != nil {
			return nil, o.At("/items", "the items of a list are no list")
		}
		return append([]json.RawMessage{}, list.Items...), nil
	}
	return nil, o.readMetadata(h.Metadata)
}

func (o *Object) readMetadata(metadata any) error {
	m, ok := metadata.(map[string]any)
	if metadata != nil && !ok {
		return o.At("/metadata", "metadata is no object")
	}
	for key, into := range map[string]*string{"namespace": &o.Namespace, "name": &o.Name, "generateName": new(string)} {
		value, has := m[key]
		if *into, ok = value.(string); has && value != nil && !ok {
			return o.At("/metadata/"+key, key+" is no string")
		}
	}
	if generate, _ := m["generateName"].(string); o.Name == "" {
		o.Name = generate
	}
	return nil
}
