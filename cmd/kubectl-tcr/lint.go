package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
)

// lintReport is what lint prints as JSON and YAML.
type lintReport struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Findings   []lintFinding `json:"findings"`
}

// lintFinding is one mistake, or one warning.
type lintFinding struct {
	Code     string `json:"code"`
	Severity string `json:"severity"` // error or warning
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Text     string `json:"text"`
}

// String is the form that compilers use, so that editors find the place.
func (f lintFinding) String() string {
	place := f.File
	for _, n := range []int{f.Line, f.Column} {
		if n > 0 {
			place += ":" + strconv.Itoa(n)
		}
	}
	return fmt.Sprintf("%s: %s: %s   [%s]", place, f.Severity, f.Text, f.Code)
}

// The codes of lint; they stay what they are.
const (
	codeMistake    = "TCR601" // a value that is not taken
	codeUnknownKey = "TCR602"
	codeUnreadable = "TCR603" // not YAML
	codeWarning    = "TCR610" // allowed and hardly meant
	codeTKE        = "TCR611" // TKE's own components would be refused
)

func (c *command) lintCommand() *cobra.Command {
	var file, format, failOn string
	var ignored []string
	cmd := &cobra.Command{
		Use:   "lint [FILE]",
		Short: "Find mistakes in a configuration, and what is hardly meant",
		Long: `Find mistakes in a configuration, and what is allowed in it and hardly meant:
registries that never take effect or look like a boundary and are none, rules of
the allow-list that can never match, that contradict each other, or that would
refuse the images of TKE's own components.

Without a file it is about the configuration in force.
` + exitHelp,
		Example: `  kubectl tcr lint config.yaml
  kubectl tcr lint -f - --fail-on warning < config.yaml
  kubectl tcr lint --ignore TCR611 -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if file != "" {
					return fmt.Errorf("give the file once: %s or -f %s", args[0], file)
				}
				file = args[0]
			}
			if err := checkFormat(format, "table", "short", "json", "yaml"); err != nil {
				return err
			}
			if failOn != "error" && failOn != "warning" {
				return fmt.Errorf("--fail-on %s: want error or warning", failOn)
			}
			s, err := c.read(cmd.Context(), file)
			if err != nil {
				return err
			}
			findings := slices.DeleteFunc(lint(s), func(f lintFinding) bool { return slices.Contains(ignored, f.Code) })
			return c.printLint(findings, format, failOn)
		},
	}
	cmd.Flags().StringVarP(&file, "filename", "f", "", "file with the configuration; - is standard input")
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, short (findings, and nothing if there are none), json or yaml")
	cmd.Flags().StringVar(&failOn, "fail-on", "error", "what ends the command with 1: error, or warning as well")
	cmd.Flags().StringSliceVar(&ignored, "ignore", nil, "codes of findings to leave out, such as TCR611")
	return cmd
}

var placePattern = regexp.MustCompile(`^:(\d+)(?::(\d+))?: (.*)$`)

// lint finds all that is wrong with a configuration, or if nothing is, what is
// hardly meant.
func lint(s source) []lintFinding {
	parsed, err := config.Decode(s.name, s.text)
	if err != nil {
		var findings []lintFinding
		for line := range strings.SplitSeq(err.Error(), "\n") {
			findings = append(findings, mistake(s.name, line))
		}
		return findings
	}
	var findings []lintFinding
	for _, w := range config.Lint(parsed) {
		code := codeWarning
		if strings.Contains(w.Text, "TKE's own components") {
			code = codeTKE
		}
		findings = append(findings, lintFinding{Code: code, Severity: "warning", File: w.File, Line: w.Line, Column: w.Column, Text: w.Path + ": " + w.Text})
	}
	return findings
}

// mistake takes a line of Decode's error apart.
func mistake(file, line string) lintFinding {
	f := lintFinding{Code: codeMistake, Severity: "error", File: file}
	rest := strings.TrimPrefix(line, file)
	if m := placePattern.FindStringSubmatch(rest); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		f.Column, _ = strconv.Atoi(m[2])
		f.Text = m[3]
	} else {
		f.Code, f.Text = codeUnreadable, strings.TrimPrefix(rest, ": ")
	}
	if strings.HasPrefix(f.Text, "unknown key") {
		f.Code = codeUnknownKey
	}
	return f
}

func (c *command) printLint(findings []lintFinding, format, failOn string) error {
	errorsFound, warnings := 0, 0
	for _, f := range findings {
		if f.Severity == "error" {
			errorsFound++
		} else {
			warnings++
		}
	}
	if format == "json" || format == "yaml" {
		report := lintReport{APIVersion: config.APIVersion, Kind: "LintReport", Findings: append([]lintFinding{}, findings...)}
		if err := printObject(c.streams.Out, format, report); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			fmt.Fprintln(c.streams.Out, f)
		}
		if format == "short" {
			return ended(errorsFound, warnings, failOn)
		}
		symbol := c.symbols.fine
		switch {
		case errorsFound > 0:
			symbol = c.symbols.failure
		case warnings > 0:
			symbol = c.symbols.warning
		}
		c.say("%s %s, %s", symbol, count(errorsFound, "error"), count(warnings, "warning"))
	}
	return ended(errorsFound, warnings, failOn)
}

func ended(errorsFound, warnings int, failOn string) error {
	if errorsFound > 0 || warnings > 0 && failOn == "warning" {
		return errFindings
	}
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
