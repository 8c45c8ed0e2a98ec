package main

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/release"
)

// Every code that the plugin prints is explained where its link leads, and
// nothing is explained that it never prints.
func TestEveryCodeIsExplained(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/README.md")
	require.NoError(t, err)
	entry := regexp.MustCompile(`(?m)^\| <a id="tcr(\d{3})"></a>TCR(\d{3}) \| (.+) \| (.+) \| (.+) \|$`)
	var explained []string
	for _, m := range entry.FindAllStringSubmatch(string(text), -1) {
		assert.Equal(t, m[1], m[2], "an anchor of another code")
		explained = append(explained, "TCR"+m[1])
	}
	printed := codes()
	slices.Sort(printed)
	assert.Equal(t, slices.Compact(printed), explained)
	assert.Len(t, regexp.MustCompile(`id="tcr`).FindAllString(string(text), -1), len(printed), "a row of another form")
	assert.Regexp(t, `/blob/v\d+\.\d+\.\d+/deploy/README\.md#tcr304$`, release.Link("TCR304"))
}

// A code that somebody writes and no list has would have no explanation.
func TestEveryCodeIsListed(t *testing.T) {
	t.Parallel()
	known := codes()
	found := regexp.MustCompile(`"(TCR\d{3})"`)
	require.NoError(t, eachSource(func(name, text string) {
		for _, m := range found.FindAllStringSubmatch(text, -1) {
			assert.Contains(t, known, m[1], name)
		}
	}))
}

// eachSource tells of the plugin's own files.
func eachSource(tell func(name, text string)) error {
	return fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		tell(path, string(text))
		return err
	})
}
