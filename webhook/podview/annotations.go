package podview

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// OriginalImagesAnnotation keeps the images as the Pod's author wrote them.
	// It is a note to the reader and nothing is ever decided by it.
	OriginalImagesAnnotation = "tcr-webhook.io/original-images"

	// mirrorAnnotation marks the API server's picture of a static Pod, which
	// the kubelet made and would not let change.
	mirrorAnnotation = "kubernetes.io/config.mirror"
)

// Annotations are what is read of a Pod's annotations. The rest is
// passed over: a Pod may carry 256 KiB of them.
type Annotations struct {
	Present        bool   // an object, even an empty one
	Size           int    // bytes of all names and values, as the API server counts them
	Mirror         bool   // the Pod is a mirror of a static one
	OriginalImages string // value of OriginalImagesAnnotation
}

// read reads a map of strings and keeps only what a says it does.
func (a *Annotations) read(r reader) (err error) {
	*a = Annotations{}
	a.Present, err = r.object(func(name []byte) error { return a.readOne(r, name) })
	return err
}

// readOne reads the value of a name, which is judged before: the reading may
// overwrite it.
func (a *Annotations) readOne(r reader, name []byte) error {
	a.Size += len(name)
	isMirror, isOriginals := string(name) == mirrorAnnotation, string(name) == OriginalImagesAnnotation

	quoted, err := readQuoted(r.Decoder)
	if err != nil {
		return err
	}
	a.Size += unquotedLen(quoted)
	a.Mirror = a.Mirror || isMirror
	if !isOriginals {
		return nil
	}
	value, err := unquoted(quoted)
	a.OriginalImages = string(value)
	return err
}

// readQuoted reads a string, or a null as the empty one. What it returns is
// good until dec is read again.
func readQuoted(dec *jsontext.Decoder) ([]byte, error) {
	quoted, err := dec.ReadValue()
	switch {
	case err != nil:
		return nil, err
	case quoted.Kind() == 'n':
		return []byte(`""`), nil
	case quoted.Kind() != '"':
		return nil, wrongKind(dec)
	}
	return quoted, nil
}

// unquoted is what a JSON string holds.
func unquoted(quoted []byte) ([]byte, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], nil
	}
	return jsontext.AppendUnquote(nil, quoted)
}
