// Command report renders REPORT.md: every goal of the project beside what was
// measured, the tests that show it, or the reason why it is not shown. Figures
// are those that the commands which measure have left in results; it measures
// nothing itself.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/tcr-webhook/tcr-webhook/test/load/result"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

// file is what is written.
const file = "REPORT.md"

func run(args []string) error {
	f := pflag.NewFlagSet("report", pflag.ContinueOnError)
	dir := f.String("dir", ".", "folder of REPORT.md, which has the results")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	results, err := result.Load(*dir)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(*dir, file), markdown(results), 0o644)
}
