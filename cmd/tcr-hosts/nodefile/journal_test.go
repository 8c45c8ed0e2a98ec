//go:build linux

package nodefile

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func unchanged(content []byte) []byte { return content }

// pairs are contents before and after a write in place.
func pairs() [][2]string {
	page := strings.Repeat("0123456789abcde\n", 256)
	return [][2]string{
		{"a\n", "a\nblock\n"},
		{"a\nblock\n", "a\n"},
		{"a\nblock one\ntail\n", "a\nblock two, which is longer\ntail\n"},
		{"a\nblock two, which is longer\ntail\n", "a\nb\ntail\n"},
		{page + "old\n" + page, page + "the new one\n" + page},
	}
}

// A process that is killed leaves some of the bytes written, from the first.
func TestAWriteThatWasCutShortIsFinished(t *testing.T) {
	t.Parallel()
	for _, pair := range pairs() {
		was, will := pair[0], pair[1]
		at := sameStart([]byte(was), []byte(will))
		longest := max(len(was), len(will))
		step := max(1, (longest-at)/50)
		for done := at; done <= longest; done += step {
			p := newPlace(t, was).inPlace(t)
			require.NoError(t, p.file.save(newJournal([]byte(was), []byte(will))))
			torn := []byte(was)
			target := append([]byte(will), bytes.Repeat([]byte("\n"), longest-len(will))...)
			if done > len(torn) {
				torn = append(torn, make([]byte, done-len(torn))...)
			}
			copy(torn[:done], target)
			require.NoError(t, os.WriteFile(p.hosts, torn, 0o600))

			_, err := p.file.Edit(unchanged)
			require.NoError(t, err)
			if string(torn) == was {
				will = was // nothing was done, and the next edit is a new one
			}
			assert.Equal(t, will, p.content(t), "cut after %d bytes", done)
			will = pair[1]
			p.assertClean(t)
		}
	}
}

// A machine that loses its power leaves some of the pages written, in any order.
func TestTornByPages(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	was, will := bytes.Repeat([]byte("old!"), 5000), bytes.Repeat([]byte("new?"), 4000)
	j := newJournal(was, will)
	target := append(bytes.Clone(will), bytes.Repeat([]byte("\n"), len(was)-len(will))...)
	for range 100 {
		torn := bytes.Clone(was)
		for page := 0; page < len(torn); page += 4096 {
			if end := min(page+4096, len(torn)); r.IntN(2) == 0 {
				copy(torn[page:end], target[page:end])
			}
		}
		assert.True(t, j.isTorn(torn))
		torn[r.IntN(len(torn))] = '#'
		assert.False(t, j.isTorn(torn), "somebody else has changed it")
	}
}

func TestAWriteThatCannotBeFinishedIsPutAside(t *testing.T) {
	t.Parallel()
	journals := map[string]func(t *testing.T, p place){
		"since somebody has changed the file": func(t *testing.T, p place) {
			t.Helper()
			require.NoError(t, p.file.save(newJournal([]byte("a\n"), []byte("a\nblock\n"))))
		},
		"since the journal is none": func(t *testing.T, p place) {
			t.Helper()
			require.NoError(t, os.MkdirAll(p.state, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(p.state, journalName), []byte("{"), 0o600))
		},
		"since the journal is of nothing": func(t *testing.T, p place) {
			t.Helper()
			require.NoError(t, p.file.save(journal{At: -1}))
		},
		"since the journal begins behind the file": func(t *testing.T, p place) {
			t.Helper()
			require.NoError(t, p.file.save(journal{At: 1 << 40}))
		},
	}
	for name, write := range journals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "a\nsomebody else's\n").inPlace(t)
			write(t, p)
			_, err := p.file.Edit(to("never"))
			require.ErrorIs(t, err, ErrUnfinished)
			assert.Equal(t, "a\nsomebody else's\n", p.content(t))
			assert.FileExists(t, filepath.Join(p.state, rejectedName))

			_, err = p.file.Edit(to("b\n"))
			require.NoError(t, err)
			assert.Equal(t, "b\n", p.content(t))
		})
	}
}

func TestWithoutAJournalNothingIsWrittenInPlace(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "a\n").inPlace(t)
	require.NoError(t, os.MkdirAll(filepath.Join(p.state, journalName+".new"), 0o700)) // no file can be there
	before := p.stat(t)
	_, err := p.file.Edit(to("a\n" + strings.Repeat("b\n", 100000)))
	require.ErrorContains(t, err, "--state-dir")
	assert.Equal(t, "a\n", p.content(t))
	assert.Equal(t, before.Blocks, p.stat(t).Blocks, "the space that was reserved is not given back")
}

func FuzzTorn(f *testing.F) {
	f.Add([]byte("a\nb"), []byte("a\nc\nd"), []byte("a\nc"))
	f.Fuzz(func(t *testing.T, was, will, content []byte) {
		j := newJournal(was, will)
		assert.True(t, j.isTorn(was))
		assert.True(t, j.isTorn(will))
		if j.isTorn(content) {
			assert.LessOrEqual(t, len(content), max(len(was), len(will)))
			assert.GreaterOrEqual(t, len(content), min(len(was), len(will)))
		}
	})
}
