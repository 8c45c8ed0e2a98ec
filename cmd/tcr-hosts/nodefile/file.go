//go:build linux

package nodefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

var (
	// ErrReplaced says that the file was mounted and that the node has put
	// another one in its place since. The mount shows the old one for ever;
	// only a new container sees the new one.
	ErrReplaced = errors.New("the node has replaced the file, and this mount still shows the old one")
	// ErrChanged says that somebody wrote the file while we were about to.
	ErrChanged = errors.New("somebody else changes the file")
	// ErrUnfinished says that a write was cut short and that somebody has
	// changed the file since, so that it cannot be finished.
	ErrUnfinished = errors.New("a write in place was cut short, and somebody has changed the file since; what was meant is kept in " + rejectedName)
)

const (
	// maxSize of a file, in bytes. Hosts files that block advertisements have a
	// MiB or two; what is larger is an accident, and would not fit our memory.
	maxSize = 4 << 20
	// attempts to write before somebody else who writes as well is an error.
	attempts = 3
)

// How says what an edit did.
type How string

// What an edit did.
const (
	Unchanged How = "unchanged"
	Renamed   How = "rename"
	InPlace   How = "in-place"
)

// File is a file of the node. It is for one goroutine.
type File struct {
	path     string
	stateDir string
	// root is what a mount at path shows, as it was when we first looked.
	root string
}

// New makes a File of the file at path. stateDir is a folder of our own, made
// when a write in place wants it.
func New(path, stateDir string) (*File, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", path, err)
	}
	return &File{path: absolute, stateDir: stateDir}, nil
}

// Edit gives the file the content that change makes of what it has. Change may
// be called several times; where it changes nothing, nothing is written. On an
// error the file has the content that it had, or, if the machine fails us in the
// middle of a write in place, what the next Edit finishes.
func (f *File) Edit(change func([]byte) []byte) (How, error) {
	for range attempts - 1 {
		how, err := f.edit(change)
		if !errors.Is(err, ErrChanged) {
			return how, err
		}
	}
	return f.edit(change)
}

func (f *File) edit(change func([]byte) []byte) (_ How, err error) {
	cur, err := f.open()
	if err != nil {
		return Unchanged, err
	}
	defer func() { err = errors.Join(err, cur.file.Close()) }()
	if err := f.finish(cur); err != nil {
		return Unchanged, err
	}
	content := change(cur.content)
	if bytes.Equal(content, cur.content) {
		return Unchanged, nil
	}
	if len(content) > maxSize {
		return Unchanged, fmt.Errorf("%s would have more than %d MiB, and is left alone", cur.path, maxSize>>20)
	}
	if !cur.mounted && cur.stat.Nlink == 1 {
		err := cur.rename(content)
		if !errors.Is(err, errInPlace) {
			return Renamed, err
		}
	}
	return InPlace, f.overwrite(cur, content)
}

// current is the file as we found it.
type current struct {
	file    *os.File // holds our lock
	path    string   // without links
	content []byte
	stat    syscall.Stat_t
	mounted bool // the file is itself a mount point
}

// open reads the file, and locks it against another one of us.
func (f *File) open() (_ *current, err error) {
	path, err := filepath.EvalSymlinks(f.path)
	if err != nil {
		return nil, fmt.Errorf("find the hosts file: %w", err)
	}
	cur := &current{path: path}
	if cur.mounted, err = f.look(path); err != nil {
		return nil, err
	}
	// Not blocking: whoever has put a pipe there shall not hold us.
	if cur.file, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
		return nil, fmt.Errorf("open the hosts file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, cur.file.Close())
		}
	}()
	if err := syscall.Flock(int(cur.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("lock %s, which another process may have locked: %w", path, err)
	}
	if cur.stat, err = regular(cur.file); err != nil {
		return nil, err
	}
	cur.content, err = readAll(cur.file)
	return cur, err
}

// regular tells what file is, if it is one that can be written like a file.
func regular(file *os.File) (syscall.Stat_t, error) {
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(file.Fd()), &stat); err != nil {
		return stat, fmt.Errorf("look at %s: %w", file.Name(), err)
	}
	if stat.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return stat, fmt.Errorf("%s is no regular file; name the node's hosts file", file.Name())
	}
	return stat, nil
}

func readAll(file *os.File) ([]byte, error) {
	content, err := io.ReadAll(io.NewSectionReader(file, 0, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file.Name(), err)
	}
	if len(content) > maxSize {
		return nil, fmt.Errorf("%s has more than %d MiB, and is left alone", file.Name(), maxSize>>20)
	}
	return content, nil
}

// unchanged is nil while the path leads to the file that we have read, with
// the content that we have read.
func (c *current) unchanged() error {
	var now syscall.Stat_t
	if err := syscall.Stat(c.path, &now); err != nil {
		return fmt.Errorf("look at %s: %w", c.path, err)
	}
	if now.Dev != c.stat.Dev || now.Ino != c.stat.Ino {
		return fmt.Errorf("%s: %w", c.path, ErrChanged)
	}
	content, err := readAll(c.file)
	if err == nil && !bytes.Equal(content, c.content) {
		err = fmt.Errorf("%s: %w", c.path, ErrChanged)
	}
	return err
}
