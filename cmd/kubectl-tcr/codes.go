package main

import (
	"maps"
	"slices"

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/audit"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/doctor"
	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/health"
)

// codes are those of all findings.
func codes() []string {
	all := slices.Concat(health.Codes(), doctor.Codes(), slices.Collect(maps.Values(audit.Codes())), []string{codeMistake, codeUnknownKey, codeUnreadable, codeWarning, codeTKE})
	slices.Sort(all)
	return slices.Compact(all)
}
