package manifest

import (
	"bytes"
)

// document is one document of a YAML file.
type document struct {
	text []byte
	line int // of the file, where text begins
}

// split cuts a YAML file at its separators, as kubectl does.
func split(data []byte) []document {
	var all []document
	line, from, at := 1, 1, 0
	for start := 0; start < len(data); {
		end := len(data)
		if i := bytes.IndexByte(data[start:], '\n'); i >= 0 {
			end = start + i + 1
		}
		if separates(data[start:end]) {
			all = append(all, document{data[at:start], from})
			at, from = end, line+1
		}
		start, line = end, line+1
	}
	return append(all, document{data[at:], from})
}

// separates tells whether a line begins another document. What is behind the
// dashes kubectl passes over, too.
func separates(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// empty tells whether a document is nothing but comments.
func (d document) empty() bool {
	return d.leading() == bytes.Count(d.text, []byte("\n"))+1 || len(bytes.TrimSpace(d.text)) == 0
}

// leading is how many lines go before the first that says something.
func (d document) leading() int {
	n := 0
	for line := range bytes.Lines(d.text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != '%' && !bytes.Equal(line, []byte("...")) {
			return n
		}
		n++
	}
	return bytes.Count(d.text, []byte("\n")) + 1
}
