// Command render writes deploy/install.yaml anew from the chart.
package main

import (
	"fmt"
	"os"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func run() error {
	text, err := chart.Install()
	if err != nil {
		return err
	}
	return os.WriteFile(chart.InstallFile(), []byte(text), 0o600)
}
