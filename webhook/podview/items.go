package podview

import "errors"

// maxItems bounds each list of a Pod. A stored container takes a hundred bytes
// at the least, so a Pod with a longer list is beyond the 1.5 MiB that etcd
// takes; and a review of millions of empty ones would fill our memory.
const maxItems = 16_384

var errTooManyItems = errors.New("a list of the pod is longer than any that can be stored")

// list reads a list, of maxItems at most, into the memory of the one before. It
// is false for a null.
func list[T any](r reader, into *[]T, read func(*T, reader) error) (present bool, err error) {
	items := (*into)[:0]
	defer func() { *into = items }()
	start, err := r.ReadToken()
	if err != nil {
		return false, err
	}
	switch start.Kind() {
	case 'n':
		return false, nil
	case '[':
	default:
		return false, wrongKind(r.Decoder)
	}
	for r.PeekKind() != ']' {
		if len(items) == maxItems {
			return true, errTooManyItems
		}
		var empty T
		items = append(items, empty)
		if err := read(&items[len(items)-1], r); err != nil {
			return true, err
		}
	}
	_, err = r.ReadToken()
	return true, err
}
