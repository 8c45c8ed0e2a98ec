//go:build linux

package nodefile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// place is a folder with a hosts file, as a node has it.
type place struct {
	folder, hosts, state string
	file                 *File
}

func newPlace(t *testing.T, content string) place {
	t.Helper()
	folder := t.TempDir()
	p := place{folder: folder, hosts: filepath.Join(folder, "hosts"), state: filepath.Join(t.TempDir(), "state")}
	require.NoError(t, os.WriteFile(p.hosts, []byte(content), 0o600))
	var err error
	p.file, err = New(p.hosts, p.state)
	require.NoError(t, err)
	return p
}

// inPlace gives the file a second name, so that it is written in place.
func (p place) inPlace(t *testing.T) place {
	t.Helper()
	require.NoError(t, os.Link(p.hosts, filepath.Join(t.TempDir(), "second name")))
	return p
}

func (p place) content(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(p.hosts)
	require.NoError(t, err)
	return string(data)
}

func (p place) stat(t *testing.T) syscall.Stat_t {
	t.Helper()
	var stat syscall.Stat_t
	require.NoError(t, syscall.Stat(p.hosts, &stat))
	return stat
}

// assertClean checks that nothing is left in the folders but the hosts file.
func (p place) assertClean(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(p.folder)
	require.NoError(t, err)
	assert.Len(t, left, 1)
	if left, err := os.ReadDir(p.state); !errors.Is(err, os.ErrNotExist) {
		assert.Empty(t, left)
	}
}

func to(content string) func([]byte) []byte {
	return func([]byte) []byte { return []byte(content) }
}

func TestEdit(t *testing.T) {
	t.Parallel()
	contents := map[string][2]string{
		"grows":                  {"a\nb\n", "a\nb\nc\n"},
		"shrinks":                {"a\nb\nc\n", "a\n"},
		"changes":                {"a\nb\nc\n", "a\nx\nc\n"},
		"shrinks in the middle":  {"a\nbbbb\nc\n", "a\nc\n"},
		"grows in the middle":    {"a\nc\n", "a\nbbbb\nc\n"},
		"fills":                  {"", "a\n"},
		"empties":                {"a\n", ""},
		"grows by many pages":    {"a\n", "a\n" + strings.Repeat("0123456789abcde\n", 5000)},
		"shrinks by many pages":  {"a\n" + strings.Repeat("0123456789abcde\n", 5000), "a"},
		"is of bytes of any one": {"\x00\xff\r", "\x00\r\xff"},
	}
	for name, c := range contents {
		t.Run(name+", by rename", func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, c[0])
			before := p.stat(t)
			how, err := p.file.Edit(to(c[1]))
			require.NoError(t, err)
			assert.Equal(t, Renamed, how)
			assert.Equal(t, c[1], p.content(t))
			assert.NotEqual(t, before.Ino, p.stat(t).Ino)
			p.assertClean(t)
		})
		t.Run(name+", in place", func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, c[0]).inPlace(t)
			before := p.stat(t)
			how, err := p.file.Edit(to(c[1]))
			require.NoError(t, err)
			assert.Equal(t, InPlace, how)
			assert.Equal(t, c[1], p.content(t))
			assert.Equal(t, before.Ino, p.stat(t).Ino)
			p.assertClean(t)
		})
	}
}

func TestNoChangeIsNoWrite(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "a\n")
	before := p.stat(t)
	how, err := p.file.Edit(to("a\n"))
	require.NoError(t, err)
	assert.Equal(t, Unchanged, how)
	now := p.stat(t)
	before.Atim, now.Atim = syscall.Timespec{}, syscall.Timespec{}
	assert.Equal(t, before, now)
}

func TestAttributesAreKept(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "a\n")
	require.NoError(t, os.Chmod(p.hosts, 0o640))
	if os.Getuid() == 0 {
		require.NoError(t, os.Chown(p.hosts, 1234, 5678))
	}
	hasAttributes := syscall.Setxattr(p.hosts, "user.label", []byte("x"), 0) == nil
	before := p.stat(t)
	how, err := p.file.Edit(to("b\n"))
	require.NoError(t, err)
	assert.Equal(t, Renamed, how)
	now := p.stat(t)
	assert.Equal(t, [3]uint32{before.Mode, before.Uid, before.Gid}, [3]uint32{now.Mode, now.Uid, now.Gid})
	if !hasAttributes {
		t.Skip("this file system has no extended attributes")
	}
	have, err := attributes(p.hosts)
	require.NoError(t, err)
	assert.Equal(t, []byte("x"), have["user.label"])
}

func TestALinkStaysALink(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "a\n")
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(p.hosts, link))
	file, err := New(link, p.state)
	require.NoError(t, err)
	_, err = file.Edit(to("b\n"))
	require.NoError(t, err)
	assert.Equal(t, "b\n", p.content(t))
	target, err := os.Readlink(link)
	require.NoError(t, err)
	assert.Equal(t, p.hosts, target)
}

func TestWhatARunBeforeHasLeftIsNoObstacle(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "a\n")
	require.NoError(t, os.WriteFile(filepath.Join(p.folder, ".hosts.tcr-hosts"), []byte("half"), 0o600))
	_, err := p.file.Edit(to("b\n"))
	require.NoError(t, err)
	assert.Equal(t, "b\n", p.content(t))
	p.assertClean(t)
}

func TestSomebodyElseWritesAsWell(t *testing.T) {
	t.Parallel()
	ways := map[string]func(t *testing.T, p place, content string){
		"in place": func(t *testing.T, p place, content string) {
			t.Helper()
			require.NoError(t, os.WriteFile(p.hosts, []byte(content), 0o600))
		},
		"by rename": func(t *testing.T, p place, content string) {
			t.Helper()
			other := filepath.Join(t.TempDir(), "other")
			require.NoError(t, os.WriteFile(other, []byte(content), 0o600))
			require.NoError(t, os.Rename(other, p.hosts))
		},
	}
	for name, write := range ways {
		t.Run(name+", once", func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "a\n")
			calls := 0
			_, err := p.file.Edit(func(content []byte) []byte {
				if calls++; calls == 1 {
					write(t, p, "theirs\n")
				}
				return append(content, "ours\n"...)
			})
			require.NoError(t, err)
			assert.Equal(t, "theirs\nours\n", p.content(t))
			p.assertClean(t)
		})
		t.Run(name+", for ever", func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "a\n")
			_, err := p.file.Edit(func(content []byte) []byte {
				write(t, p, string(content)+"theirs\n")
				return append(content, "ours\n"...)
			})
			require.ErrorIs(t, err, ErrChanged)
			assert.Equal(t, "a\n"+strings.Repeat("theirs\n", attempts), p.content(t))
			p.assertClean(t)
		})
	}
	t.Run("while we write in place", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t, "a\n").inPlace(t)
		calls := 0
		_, err := p.file.Edit(func(content []byte) []byte {
			if calls++; calls == 1 {
				ways["in place"](t, p, "theirs\n")
			}
			return append(content, "ours\n"...)
		})
		require.NoError(t, err)
		assert.Equal(t, "theirs\nours\n", p.content(t))
		p.assertClean(t)
	})
}

func TestWhatIsNoHostsFileIsLeftAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		make func(t *testing.T, p place)
		want string
	}{
		"a folder": {
			make: func(t *testing.T, p place) {
				t.Helper()
				require.NoError(t, os.Mkdir(p.hosts, 0o700))
			},
			want: "is no regular file",
		},
		"a pipe": {
			make: func(t *testing.T, p place) {
				t.Helper()
				require.NoError(t, syscall.Mkfifo(p.hosts, 0o600))
			},
			want: "is no regular file",
		},
		"nothing": {make: func(*testing.T, place) {}, want: "no such file"},
		"a link to nothing": {
			make: func(t *testing.T, p place) {
				t.Helper()
				require.NoError(t, os.Symlink("nowhere", p.hosts))
			},
			want: "no such file",
		},
		"a huge file": {
			make: func(t *testing.T, p place) {
				t.Helper()
				require.NoError(t, os.WriteFile(p.hosts, make([]byte, maxSize+1), 0o600))
			},
			want: "has more than 4 MiB",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "")
			require.NoError(t, os.Remove(p.hosts))
			tt.make(t, p)
			_, err := p.file.Edit(func([]byte) []byte {
				t.Error("asked to change it")
				return nil
			})
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func TestAFileIsNotMadeTooLarge(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "a\n")
	_, err := p.file.Edit(to(strings.Repeat("a", maxSize+1)))
	require.ErrorContains(t, err, "would have more than 4 MiB")
	assert.Equal(t, "a\n", p.content(t))
}

func TestOneAtATime(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "a\n")
	other, err := New(p.hosts, p.state)
	require.NoError(t, err)
	_, err = p.file.Edit(func(content []byte) []byte {
		_, err := other.Edit(to("b\n"))
		assert.ErrorIs(t, err, syscall.EWOULDBLOCK)
		return content
	})
	require.NoError(t, err)
	_, err = other.Edit(to("b\n"))
	require.NoError(t, err, "the lock is not given back")
}

func TestMountRoot(t *testing.T) {
	t.Parallel()
	const table = `22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
40 22 8:1 /etc/hosts /host/etc/hosts rw,relatime - ext4 /dev/sda1 rw
41 22 8:1 /a\040b//deleted /host/a\040b rw - ext4 /dev/sda1 rw
42 22 0:5 /hosts /twice rw - tmpfs tmpfs rw
43 22 0:5 /other /twice rw - tmpfs tmpfs rw
short line
`
	for path, want := range map[string]string{
		"/host/etc/hosts": "/etc/hosts",
		"/host/a b":       "/a b//deleted",
		"/twice":          "/other",
		"/host/etc":       "",
		"/etc/hosts":      "",
	} {
		root, mounted := mountRoot([]byte(table), path)
		assert.Equal(t, want, root, path)
		assert.Equal(t, want != "", mounted, path)
	}
}

func FuzzMountRoot(f *testing.F) {
	f.Add([]byte("40 22 8:1 /etc/hosts /host/etc\\040x rw - ext4 x rw\n"), "/host/etc x")
	f.Add([]byte(`1 1 1 \999 \1`), "")
	f.Fuzz(func(t *testing.T, table []byte, path string) {
		if root, mounted := mountRoot(table, path); !mounted {
			assert.Empty(t, root)
		}
	})
}
