package podview

import (
	"hash/maphash"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What a Review reads is read member by member, by the functions below: the
// library's own decoding into structs takes a third longer, mostly to find out
// by reflection and two maps that a name is none of ours. Its tokenizer does
// all that is to be known about JSON itself.

// wrongKind says that the value that was read last is of another kind than it
// has to be, and where it is.
func wrongKind(dec *jsontext.Decoder) error {
	return &json.SemanticError{ByteOffset: dec.InputOffset(), JSONPointer: dec.StackPointer()}
}

// reader reads values. Whatever is null leaves the zero value.
type reader struct {
	*jsontext.Decoder
	words *words
}

// object reads an object, and calls member with each of its names, which is good
// until member has read the value, as it must. It is false for a null.
func (r reader) object(member func(name []byte) error) (present bool, err error) {
	start, err := r.ReadToken()
	if err != nil {
		return false, err
	}
	switch start.Kind() {
	case 'n':
		return false, nil
	case '{':
	default:
		return false, wrongKind(r.Decoder)
	}
	for r.PeekKind() == '"' {
		quoted, err := r.ReadValue()
		if err != nil {
			return true, err
		}
		name, err := unquoted(quoted)
		if err != nil {
			return true, err
		}
		if err := member(name); err != nil {
			return true, err
		}
	}
	_, err = r.ReadToken()
	return true, err
}

// skip passes over a value in one step, in half the time that the decoder's own
// SkipValue takes, which goes token by token.
func (r reader) skip() error {
	_, err := r.ReadValue()
	return err
}

// text reads a string that is likely to come again.
func (r reader) text(into *string) error {
	content, err := r.string()
	if err != nil {
		return err
	}
	*into = r.words.of(content)
	return nil
}

// string reads a string, which is good until the next is read.
func (r reader) string() ([]byte, error) {
	quoted, err := readQuoted(r.Decoder)
	if err != nil {
		return nil, err
	}
	return unquoted(quoted)
}

func (r reader) bool(into *bool) error {
	token, err := r.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case 't', 'f', 'n':
		*into = token.Kind() == 't'
		return nil
	}
	return wrongKind(r.Decoder)
}

// words are texts that were read lately, so that those that come in every
// review take no memory of their own. The zero value is ready, and nil keeps none.
type words struct {
	seed maphash.Seed
	// lately has the two last ones of each remainder of the hash: of the forty of
	// a review, some have the same.
	lately [256][2]string
}

// maxWord is the longest text that is kept, in bytes.
const maxWord = 128

func (w *words) of(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if w == nil || len(text) > maxWord {
		return string(text)
	}
	if w.seed == (maphash.Seed{}) {
		w.seed = maphash.MakeSeed()
	}
	two := &w.lately[maphash.Bytes(w.seed, text)%uint64(len(w.lately))]
	switch string(text) {
	case two[0]:
	case two[1]:
		two[0], two[1] = two[1], two[0]
	default:
		two[0], two[1] = string(text), two[0]
	}
	return two[0]
}
