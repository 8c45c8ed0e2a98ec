package monitoring

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// The files of the chart.
const (
	Rules          = "rules.yaml"
	RulesAPIServer = "rules-apiserver.yaml"
	RulesPolicy    = "rules-policy.yaml"
	DashboardJSON  = "dashboard.json"
)

// RuleFiles lists those that hold rules.
func RuleFiles() []string { return []string{Rules, RulesAPIServer, RulesPolicy} }

// Root is the checkout that this file was built from.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Read reads a file of the chart.
func Read(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(Root(), "deploy", "chart", "tcr-webhook", "monitoring", name))
	if err != nil {
		return nil, fmt.Errorf("read what the chart monitors with: %w", err)
	}
	return data, nil
}
