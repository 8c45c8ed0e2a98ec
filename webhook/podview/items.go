package podview

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxItems bounds each list of a Pod. A stored container takes a hundred bytes
// at the least, so a Pod with a longer list is beyond the 1.5 MiB that etcd
// takes; and a review of millions of empty ones would fill our memory.
const maxItems = 16_384

var errTooManyItems = errors.New("a list of the pod is longer than any that can be stored")

// Items is a list of a Pod, of maxItems at most.
type Items[T any] []T

// UnmarshalJSONFrom decodes a list into the memory of the one before.
func (l *Items[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '[' {
		return json.UnmarshalDecode(dec, (*[]T)(l)) // null, or wrong
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	list := (*l)[:0]
	for dec.PeekKind() != ']' {
		if len(list) == maxItems {
			return errTooManyItems
		}
		var empty T
		list = append(list, empty)
		if err := json.UnmarshalDecode(dec, &list[len(list)-1]); err != nil {
			return err
		}
	}
	if list == nil {
		list = []T{}
	}
	*l = list
	_, err := dec.ReadToken()
	return err
}
