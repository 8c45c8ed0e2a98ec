// Command dashboard draws panels of the dashboard from what Prometheus answered
// to their queries, for the README: Grafana itself has no picture without a
// browser and a server of its own.
//
//	go test ./test/monitoring/live -run TestAlertsFireUnderTheirFaults -answers DIR
//	go -C test/load run ./dashboard DIR/answers.json
//
// It asks nobody and knows no metric.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dashboard ANSWERS.json")
		os.Exit(2)
	}
	if err := run(os.Args[1], "dashboard.svg"); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// answer is what Prometheus said to a query of a panel.
type answer struct {
	Panel, Legend string
	Series        []struct {
		Metric map[string]string
		Values [][2]any // seconds, and a number in quotes
	}
}

func run(from, to string) error {
	data, err := os.ReadFile(filepath.Clean(from))
	if err != nil {
		return err
	}
	var answers []answer
	if err := json.Unmarshal(data, &answers); err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	return draw(answers, to)
}
