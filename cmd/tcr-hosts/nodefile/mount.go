//go:build linux

package nodefile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// look tells whether the file at path is itself a mount point. The error is
// ErrReplaced once such a mount no longer shows what it did.
func (f *File) look(path string) (mounted bool, err error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // no /proc here; the rename tells
	} else if err != nil {
		return false, fmt.Errorf("look for mounts: %w", err)
	}
	root, mounted := mountRoot(table, path)
	if f.root == "" {
		f.root = root
	}
	if mounted && (root != f.root || strings.HasSuffix(root, "//deleted")) {
		return true, fmt.Errorf("%s: %w", path, ErrReplaced)
	}
	return mounted, nil
}

// mountRoot finds in table, which is /proc/self/mountinfo, what is mounted at
// path itself: a path within a file system, which the kernel keeps up to date,
// with //deleted at its end once nothing has that name any more (proc(5)).
func mountRoot(table []byte, path string) (root string, mounted bool) {
	for line := range bytes.SplitSeq(table, []byte("\n")) {
		fields := bytes.Fields(line)
		if len(fields) > 4 && unescape(fields[4]) == path {
			root, mounted = unescape(fields[3]), true // the last one covers the others
		}
	}
	return root, mounted
}

// unescape undoes what the kernel does to white space and backslashes: \040.
func unescape(s []byte) string {
	var b strings.Builder
	for len(s) > 0 {
		if s[0] == '\\' && len(s) >= 4 {
			if c, err := strconv.ParseUint(string(s[1:4]), 8, 8); err == nil {
				b.WriteByte(byte(c))
				s = s[4:]
				continue
			}
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String()
}
