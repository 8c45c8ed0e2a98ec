package monitoring

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Dashboard is what of a dashboard of Grafana the tests look at.
type Dashboard struct {
	Title      string
	Templating struct{ List []Variable }
	Panels     []Panel
}

// Variable is what the reader of a dashboard picks.
type Variable struct {
	Name  string
	Type  string
	Query any
}

// Panel is a picture, or the heading of a row.
type Panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	Targets                  []Target
}

// Target is a query.
type Target struct {
	RefID        string
	Expr         string
	LegendFormat string
	Instant      bool
}

// ReadDashboard reads the dashboard of the chart.
func ReadDashboard() (*Dashboard, error) {
	data, err := Read(DashboardJSON)
	if err != nil {
		return nil, err
	}
	var d Dashboard
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("read dashboard: %w", err)
	}
	return &d, nil
}

// Filled is a query as Grafana sends it when everything is picked, with the
// rate over interval and the range shown, both such as 5m.
func Filled(expr, interval, shown string) string {
	return strings.NewReplacer(
		"$__rate_interval", interval, "$__range", shown,
		"$cluster", ".*", "$namespace", ".*", "$instance", ".*",
	).Replace(expr)
}
