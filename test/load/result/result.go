// Package result is how a measurement passes its goals on to REPORT.md: a
// command fills a Result and saves it, and the command report reads all of
// them. It measures nothing itself.
package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folder is where results are, in the folder that has REPORT.md.
const Folder = "results"

// Result is what one command measured.
type Result struct {
	Name    string `json:"name"`    // of the command, and of its file
	Command string `json:"command"` // that repeats it, as typed at the root of the project
	Machine string `json:"machine"` // by machine.Describe
	// Load is how busy the machine was: its load average before and after.
	Load string `json:"load"`
	// Details are the files with more about it, beside REPORT.md.
	Details []string `json:"details,omitempty"`
	Goals   []Goal   `json:"goals"`
}

// Save writes r into dir's folder of results, instead of what an earlier run
// has left there.
func (r *Result) Save(dir string) error {
	if r.Name == "" || strings.ContainsAny(r.Name, "./") {
		return fmt.Errorf("save result %q: its name is no name of a file", r.Name)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("save result %s: %w", r.Name, err)
	}
	dir = filepath.Join(dir, Folder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, r.Name+".json"), append(text, '\n'), 0o644)
}

// Load reads all results of dir, in the order of their names.
func Load(dir string) ([]Result, error) {
	files, err := filepath.Glob(filepath.Join(dir, Folder, "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var all []Result
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var r Result
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("read %s: %w", f, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// Verdict is nil if every binding goal is met.
func Verdict(goals []Goal) error {
	var all []error
	for _, g := range goals {
		if outcome := g.Outcome(); g.Binding && outcome != Met {
			all = append(all, fmt.Errorf("goal %s: %s %s: %s, want %s", outcome, g.ID, g.What, g.Figure(), g.Bound()))
		}
	}
	return errors.Join(all...)
}
