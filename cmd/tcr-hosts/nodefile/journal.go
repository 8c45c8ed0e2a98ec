//go:build linux

package nodefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

const (
	journalName  = "hosts.journal"
	rejectedName = "hosts.unfinished" // a journal that nothing could be done about
)

// journal is a write in place that was begun: what is there from a byte on,
// before and after it.
type journal struct {
	At  int    `json:"at"`
	Old []byte `json:"old"`
	New []byte `json:"new"`
}

func newJournal(from, to []byte) journal {
	at := sameStart(from, to)
	return journal{At: at, Old: from[at:], New: to[at:]}
}

// isTorn tells whether a crash in the middle of the write can have left content.
// Pages reach the disk in any order, so each byte may be of either side; what is
// cut off is first covered by newlines.
func (j journal) isTorn(content []byte) bool {
	if j.At < 0 || len(content) < j.At {
		return false
	}
	content = content[j.At:]
	if len(content) < min(len(j.Old), len(j.New)) || len(content) > max(len(j.Old), len(j.New)) {
		return false
	}
	for i, c := range content {
		isOld := i < len(j.Old) && c == j.Old[i]
		isNew := i < len(j.New) && c == j.New[i] || i >= len(j.New) && c == '\n'
		if !isOld && !isNew {
			return false
		}
	}
	return true
}

// finish brings a write to its end that was cut short, if there is one.
func (f *File) finish(cur *current) error {
	name := filepath.Join(f.stateDir, journalName)
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("read the journal (--state-dir): %w", err)
	}
	var j journal
	if err := json.Unmarshal(data, &j); err != nil || !j.isTorn(cur.content) {
		if err := os.Rename(name, filepath.Join(f.stateDir, rejectedName)); err != nil {
			return fmt.Errorf("put the journal aside: %w", err)
		}
		return ErrUnfinished
	}
	if tail := cur.content[j.At:]; !bytes.Equal(tail, j.Old) && !bytes.Equal(tail, j.New) {
		if err := cur.complete(slices.Concat(cur.content[:j.At], j.New)); err != nil {
			return fmt.Errorf("finish a write that was cut short: %w", err)
		}
	}
	return f.drop()
}

// complete gives the current file content, in place.
func (c *current) complete(content []byte) (err error) {
	file, err := os.OpenFile(c.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := reserve(file, len(c.content), len(content)); err != nil {
		return err
	}
	if err := put(file, c.content, content); err != nil {
		return err
	}
	c.content = content
	return nil
}

// save writes the journal so that it is there, whole, when we return.
func (f *File) save(j journal) (err error) {
	if err := os.MkdirAll(f.stateDir, 0o700); err != nil {
		return fmt.Errorf("make the folder for the journal (--state-dir): %w", err)
	}
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("encode the journal: %w", err)
	}
	name := filepath.Join(f.stateDir, journalName)
	temporary := name + ".new"
	defer func() {
		if err != nil {
			err = fmt.Errorf("write the journal (--state-dir), without which nothing is written in place: %w", err)
			if gone := os.Remove(temporary); !errors.Is(gone, os.ErrNotExist) {
				err = errors.Join(err, gone)
			}
		}
	}()
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, name); err != nil {
		return err
	}
	return syncFolder(f.stateDir)
}

// drop forgets the journal of a write that is done.
func (f *File) drop() error {
	if err := os.Remove(filepath.Join(f.stateDir, journalName)); err != nil {
		return fmt.Errorf("remove the journal: %w", err)
	}
	return nil
}
