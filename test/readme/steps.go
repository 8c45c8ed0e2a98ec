// Package readme reads the commands of README.md, so that tests go by them as its
// readers do. Only tests may import it.
package readme

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Step is a block of commands, and what the page shows of their output.
type Step struct {
	Commands string
	Output   string // empty: nothing is shown
}

// Steps are those of a section of the README in the checkout root, in order, with
// those of its subsections. The heading is given whole, as in "## Install".
func Steps(root, heading string) ([]Step, error) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		return nil, err
	}
	steps := parse(string(text), heading)
	if len(steps) == 0 {
		return nil, fmt.Errorf("README.md has no commands under %q", heading)
	}
	return steps, nil
}

func parse(text, heading string) (steps []Step) {
	level, _, _ := strings.Cut(heading, " ")
	inSection, language, block := false, "", ""
	for line := range strings.Lines(text) {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case language != "" && isFence:
			steps = appended(steps, language, block)
			language, block = "", ""
		case language != "":
			block += line
		case isFence && inSection:
			language = "of this section: " + fence
		case isFence:
			language = "of another"
		case strings.HasPrefix(line, "#"):
			now, _, _ := strings.Cut(line, " ")
			inSection = strings.TrimSpace(line) == heading || inSection && len(now) > len(level)
		}
	}
	return steps
}

// appended adds commands, or what the last ones say.
func appended(steps []Step, language, block string) []Step {
	switch {
	case language == "of this section: sh":
		return append(steps, Step{Commands: block})
	case language == "of this section: text" && len(steps) > 0:
		steps[len(steps)-1].Output = block
	}
	return steps
}
