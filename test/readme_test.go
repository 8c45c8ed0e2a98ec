package test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// page is what can be compared of a Markdown file.
type page struct {
	headings []string // with their levels
	blocks   []string // of code, whole
	links    []string // what they lead to
	rows     int      // of tables
}

var (
	link     = regexp.MustCompile(`!?\[[^\]]*\]\(([^)\s]+)\)`)
	codeSpan = regexp.MustCompile("`[^`]*`")
)

func readPage(t *testing.T, name string) (p page) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", name))
	require.NoError(t, err)
	block, inBlock, text := "", false, ""
	for line := range strings.Lines(string(data)) {
		switch trimmed := strings.TrimSpace(line); {
		case strings.HasPrefix(trimmed, "```"):
			if block += trimmed + "\n"; inBlock {
				p.blocks = append(p.blocks, block)
				block = ""
			}
			inBlock = !inBlock
		case inBlock:
			block += trimmed + "\n"
		case strings.HasPrefix(line, "#"):
			p.headings = append(p.headings, strings.TrimSpace(line))
		case strings.HasPrefix(line, "|"):
			p.rows++
			text += line
		default:
			text += line
		}
	}
	for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(text, ""), -1) {
		p.links = append(p.links, m[1])
	}
	require.False(t, inBlock, "%s: a block of code has no end", name)
	return p
}

// levels are those of the headings, in order.
func (p page) levels() (all []string) {
	for _, h := range p.headings {
		level, _, _ := strings.Cut(h, " ")
		all = append(all, level)
	}
	return all
}

// anchors are what the headings can be linked by, as GitHub makes them.
func (p page) anchors() map[string]bool {
	anchors := map[string]bool{}
	for _, h := range p.headings {
		_, text, _ := strings.Cut(h, " ")
		anchors[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, text)] = true
	}
	return anchors
}

// Both languages say the same: a section, a command or a row that one has, the
// other has, too.
func TestTheChineseReadmeIsInStep(t *testing.T) {
	t.Parallel()
	english, chinese := readPage(t, "README.md"), readPage(t, "README.zh-CN.md")
	assert.Empty(t, cmp.Diff(english.levels(), chinese.levels()), "sections")
	assert.Empty(t, cmp.Diff(english.blocks, chinese.blocks), "commands and examples")
	assert.Equal(t, english.rows, chinese.rows, "rows of tables")
	assert.Empty(t, cmp.Diff(english.links[1:], chinese.links[1:]), "links, but for the one to the other language")
}

// No link within the project leads nowhere.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	var pages []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "bin" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".."):
			return filepath.SkipDir
		case filepath.Ext(path) == ".md":
			pages = append(pages, strings.TrimPrefix(filepath.ToSlash(path), "../"))
		}
		return nil
	})
	require.NoError(t, err)
	require.Contains(t, pages, "README.md")
	for _, name := range pages {
		for _, to := range readPage(t, name).links {
			if strings.Contains(to, "://") {
				continue
			}
			file, anchor, _ := strings.Cut(to, "#")
			target := name
			if file != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(name), file))
			}
			_, err := os.Stat(filepath.Join("..", target))
			if !assert.NotErrorIs(t, err, fs.ErrNotExist, "%s links to %s, which is not there", name, to) || anchor == "" {
				continue
			}
			assert.True(t, readPage(t, target).anchors()[anchor], "%s links to %s, which has no such heading", name, to)
		}
	}
}
