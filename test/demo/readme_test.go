package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// step is a block of commands of the README, and what it shows of their output.
type step struct {
	commands string
	output   string // empty: nothing is shown
}

// stepsOf are the steps of a section, in order, those of its subsections with
// them.
func stepsOf(t *testing.T, root, heading string) []step {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	steps := parseSteps(string(text), heading)
	require.NotEmpty(t, steps, "%q has no commands", heading)
	return steps
}

func parseSteps(text, heading string) (steps []step) {
	level, _, _ := strings.Cut(heading, " ")
	inSection, language, block := false, "", ""
	for line := range strings.Lines(text) {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case language != "" && isFence:
			if steps = appended(steps, language, block); true {
				language, block = "", ""
			}
		case language != "":
			block += line
		case isFence && inSection:
			language = fence + "-"
		case isFence:
			language = "of another section"
		case strings.HasPrefix(line, "#"):
			now, _, _ := strings.Cut(line, " ")
			inSection = strings.TrimSpace(line) == heading || inSection && len(now) > len(level)
		}
	}
	return steps
}

// appended adds commands, or what the last ones say.
func appended(steps []step, language, block string) []step {
	switch {
	case language == "sh-":
		return append(steps, step{commands: block})
	case language == "text-" && len(steps) > 0:
		steps[len(steps)-1].output = block
	}
	return steps
}

var (
	blanks = regexp.MustCompile(`[ \t]+`)
	clock  = regexp.MustCompile(`\b\d\d:\d\d\b`)
	age    = regexp.MustCompile(`\b(\d+[smhd])+\b`)
)

// plain is text without what differs from run to run: ages, times of day, and the
// width of columns.
func plain(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(blanks.ReplaceAllString(line, " "))
		lines = append(lines, age.ReplaceAllString(clock.ReplaceAllString(line, "TIME"), "AGE"))
	}
	return strings.Join(lines, "\n") + "\n"
}

// says tells whether got is what a page shows: the same lines, where an ellipsis
// stands for anything in its line, and, alone in one, for any lines.
func says(shown, got string) bool {
	pattern := ""
	for line := range strings.Lines(plain(shown)) {
		if line == "…\n" {
			pattern += `(?:.*\n)*?`
			continue
		}
		pattern += strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*")
	}
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(plain(got))
}

func TestSteps(t *testing.T) {
	t.Parallel()
	const page = "# a\n```sh\nno\n```\n## b\n```sh\none\n```\nand\n```text\n# said\n```\n### c\n  ```sh\n  two\n  ```\n```yaml\nno\n```\n## d\n```sh\nno\n```\n"
	assert.Equal(t, []step{{"one\n", "# said\n"}, {commands: "  two\n"}}, parseSteps(page, "## b"))
}

func TestSays(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		shown, got string
		want       bool
	}{
		"the same":                      {"a\nb\n", "a\nb\n", true},
		"another width and age":         {"NAME  AGE\nx     0s\n", "NAME   AGE\nx      2m10s\n", true},
		"another time of day":           {"until 15:52 (59m)\n", "until 09:01 (1h)\n", true},
		"another word":                  {"a\n", "b\n", false},
		"more":                          {"a\n", "a\nerror\n", false},
		"less":                          {"a\nb\n", "a\n", false},
		"an ellipsis in a line":         {"leader …, fine\n", "leader vm, fine\n", true},
		"does not reach the next line":  {"a …\n", "a b\nc\n", false},
		"an ellipsis for lines":         {"a\n…\nb\n", "a\nx\ny\nb\n", true},
		"an ellipsis for none":          {"a\n…\nb\n", "a\nb\n", true},
		"an ellipsis and another end":   {"a\n…\nb\n", "a\nx\nc\n", false},
		"signs are signs":               {"demo[-vpc].x (1)\n", "demo[-vpc].x (1)\n", true},
		"a dot is a dot":                {"a.b\n", "axb\n", false},
		"an error instead of an answer": {"pod/web created\n", "Error from server\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, says(tt.shown, tt.got))
		})
	}
}
