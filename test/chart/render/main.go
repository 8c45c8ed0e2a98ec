// Command render writes anew what is made from the chart: deploy/install.yaml
// and the table in the chart's README.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

func main() {
	if err := errors.Join(install(), readme()); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func install() error {
	text, err := chart.Install()
	if err != nil {
		return err
	}
	return os.WriteFile(chart.InstallFile(), []byte(text), 0o600)
}

func readme() error {
	now, err := os.ReadFile(chart.ReadmeFile())
	if err != nil {
		return err
	}
	text, err := chart.Readme(string(now))
	if err != nil {
		return err
	}
	return os.WriteFile(chart.ReadmeFile(), []byte(text), 0o600)
}
