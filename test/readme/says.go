package readme

import (
	"regexp"
	"strings"
)

// What differs from run to run.
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

// Says tells whether got is what a page shows: the same lines, where an ellipsis
// stands for anything in its line, and, alone in one, for any lines.
func Says(shown, got string) bool {
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
