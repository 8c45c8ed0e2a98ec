//go:build linux

package nodefile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// overwrite gives the current file content in place. The order is what makes it
// safe: the space, so that a full disk is met before anything changes; the
// journal, so that a crash can be finished; then one write of what differs.
func (f *File) overwrite(cur *current, content []byte) (err error) {
	file, err := os.OpenFile(cur.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the hosts file for writing: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := reserve(file, len(cur.content), len(content)); err != nil {
		return err
	}
	if err := f.save(newJournal(cur.content, content)); err != nil {
		return errors.Join(err, file.Truncate(int64(len(cur.content)))) // gives the space back
	}
	if err := cur.unchanged(); err != nil {
		return errors.Join(err, f.drop())
	}
	if err := put(file, cur.content, content); err != nil {
		return f.undo(file, cur.content, content, err)
	}
	return f.drop()
}

// reserve takes the space by which a file grows, without growing it.
func reserve(file *os.File, from, to int) error {
	const keepSize = 1 // FALLOC_FL_KEEP_SIZE
	if to <= from {
		return nil
	}
	err := syscall.Fallocate(int(file.Fd()), keepSize, int64(from), int64(to-from))
	if err == nil || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return nil // the file system cannot say; a write that fails is undone
	}
	return fmt.Errorf("reserve space for %d bytes: %w", to-from, err)
}

// put makes of a file that has content from one that has content to, and syncs
// it. Where the file shrinks, newlines cover the rest before it is cut off, so
// that no reader meets half a line.
func put(file *os.File, from, to []byte) error {
	at := sameStart(from, to)
	tail := to[at:]
	if missing := len(from) - len(to); missing > 0 {
		tail = append(bytes.Clone(tail), bytes.Repeat([]byte("\n"), missing)...)
	}
	if _, err := file.WriteAt(tail, int64(at)); err != nil {
		return fmt.Errorf("write in place: %w", err)
	}
	if err := file.Truncate(int64(len(to))); err != nil {
		return fmt.Errorf("cut off the rest: %w", err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("sync the hosts file: %w", err)
	}
	return nil
}

// undo gives back what a write has changed that failed because of why. If that
// fails, too, the journal stays, for the next run.
func (f *File) undo(file *os.File, from, to []byte, why error) error {
	at := sameStart(from, to)
	if _, err := file.WriteAt(from[at:], int64(at)); err != nil {
		return errors.Join(why, fmt.Errorf("undo the write: %w", err))
	}
	if err := file.Truncate(int64(len(from))); err != nil {
		return errors.Join(why, fmt.Errorf("undo the write: %w", err))
	}
	return errors.Join(why, file.Sync(), f.drop())
}

// sameStart is how many bytes a and b begin with alike.
func sameStart(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
