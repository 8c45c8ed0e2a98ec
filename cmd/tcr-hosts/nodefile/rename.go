//go:build linux

package nodefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// errInPlace says that another file cannot take this one's place, while a write
// in place may well succeed.
var errInPlace = errors.New("cannot be replaced by rename")

// rename puts a file with content in the place of the current one.
func (c *current) rename(content []byte) (err error) {
	folder, name := filepath.Split(c.path)
	temporary := filepath.Join(folder, "."+name+".tcr-hosts")
	// What is there, a run of ours has left that was killed: we have the lock.
	if err := os.Remove(temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return inPlaceIf(fmt.Errorf("remove what a run before has left: %w", err), syscall.EROFS, syscall.EACCES, syscall.EPERM)
	}
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return inPlaceIf(fmt.Errorf("make the new file: %w", err), syscall.EROFS, syscall.EACCES, syscall.EPERM)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary))
		}
	}()
	if err := errors.Join(c.fill(file, content), file.Close()); err != nil {
		return err
	}
	if err := c.unchanged(); err != nil {
		return err
	}
	if err := os.Rename(temporary, c.path); err != nil {
		return inPlaceIf(fmt.Errorf("put the new file in place: %w", err), syscall.EBUSY)
	}
	return syncFolder(folder)
}

// fill writes the new file, and gives it all that the old one has.
func (c *current) fill(file *os.File, content []byte) error {
	if _, err := file.Write(content); err != nil {
		return fmt.Errorf("write the new file: %w", err)
	}
	if err := c.keepAttributes(file); err != nil {
		return fmt.Errorf("keep owner, mode and labels: %w: %w", err, errInPlace)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("sync the new file: %w", err)
	}
	return nil
}

// keepAttributes gives file the owner, the extended attributes (ACLs and
// SELinux's label are such) and, last since the others may change it, the mode.
func (c *current) keepAttributes(file *os.File) error {
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(file.Fd()), &stat); err != nil {
		return err
	}
	if stat.Uid != c.stat.Uid || stat.Gid != c.stat.Gid {
		if err := file.Chown(int(c.stat.Uid), int(c.stat.Gid)); err != nil {
			return err
		}
	}
	if err := copyAttributes(c.path, file.Name()); err != nil {
		return err
	}
	const modeBits = 0o7777
	return syscall.Fchmod(int(file.Fd()), c.stat.Mode&modeBits)
}

// copyAttributes makes the extended attributes of to those of from.
func copyAttributes(from, to string) error {
	want, err := attributes(from)
	if err != nil {
		return err
	}
	have, err := attributes(to)
	if err != nil {
		return err
	}
	for name, value := range want {
		if there, ok := have[name]; ok && slices.Equal(there, value) {
			continue
		}
		if err := syscall.Setxattr(to, name, value, 0); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	for name := range have { // such as an ACL that the folder gives to new files
		if _, ok := want[name]; ok {
			continue
		}
		if err := syscall.Removexattr(to, name); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return nil
}

// syncFolder makes a rename in folder last.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("sync %s: %w", folder, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// inPlaceIf marks err with errInPlace if it is one of those that say so.
func inPlaceIf(err error, say ...error) error {
	if slices.ContainsFunc(say, func(s error) bool { return errors.Is(err, s) }) {
		return errors.Join(errInPlace, err)
	}
	return err
}
