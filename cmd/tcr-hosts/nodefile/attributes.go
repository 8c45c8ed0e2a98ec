//go:build linux

package nodefile

import (
	"bytes"
	"errors"
	"fmt"
	"syscall"
)

// maxAttribute is the most that Linux gives of an attribute, or of the list of
// their names, in bytes (XATTR_SIZE_MAX and XATTR_LIST_MAX).
const maxAttribute = 64 << 10

// attributes reads the extended attributes of the file at path. A file system
// may have none.
func attributes(path string) (map[string][]byte, error) {
	size, err := syscall.Listxattr(path, nil)
	if errors.Is(err, syscall.ENOTSUP) || err == nil && size == 0 {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("list attributes: %w", err)
	}
	names := make([]byte, maxAttribute)
	if size, err = syscall.Listxattr(path, names); err != nil {
		return nil, fmt.Errorf("list attributes: %w", err)
	}
	all := map[string][]byte{}
	value := make([]byte, maxAttribute)
	for name := range bytes.SplitSeq(bytes.TrimSuffix(names[:size], []byte{0}), []byte{0}) {
		n, err := syscall.Getxattr(path, string(name), value)
		if err != nil {
			return nil, fmt.Errorf("read attribute %s: %w", name, err)
		}
		all[string(name)] = bytes.Clone(value[:n])
	}
	return all, nil
}
