package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/tcr-webhook/tcr-webhook/test/monitoring"
)

// notebook notes what is registered and registers nothing.
type notebook map[string][]string // labels by name

// described is how a description shows itself.
var (
	described = regexp.MustCompile(`fqName: "([^"]+)".*constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)
	constant  = regexp.MustCompile(`(\w+)="`)
	variable  = regexp.MustCompile(`\w+`)
)

func (n notebook) Register(c prometheus.Collector) error {
	all := make(chan *prometheus.Desc)
	go func() {
		defer close(all)
		c.Describe(all)
	}()
	for d := range all {
		found := described.FindStringSubmatch(d.String())
		labels := variable.FindAllString(found[3], -1)
		for _, label := range constant.FindAllStringSubmatch(found[2], -1) {
			labels = append(labels, label[1])
		}
		n[found[1]] = labels
	}
	return nil
}

func (n notebook) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		_ = n.Register(c)
	}
}

func (notebook) Unregister(prometheus.Collector) bool { return false }

// exported are the metrics of the server, and of the libraries that it has.
func exported(t *testing.T) notebook {
	t.Helper()
	n := notebook{}
	_, err := newServerMetrics(n)
	require.NoError(t, err)
	require.NoError(t, new(server).registerGauges(n, nil))
	theirs, err := metrics.Registry.Gather()
	require.NoError(t, err)
	for _, family := range theirs {
		n[family.GetName()] = nil
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				n[family.GetName()] = append(n[family.GetName()], l.GetName())
			}
		}
	}
	n["rest_client_requests_total"] = []string{"code", "method", "host"} // of client-go, before its first call
	return n
}

// targets are the labels that a scrape gives every metric.
var targets = []string{"cluster", "namespace", "instance"}

// ofAPIServer are the API server's own metrics that alerts use, and their
// labels in Kubernetes 1.37.
func ofAPIServer() notebook {
	return notebook{
		"apiserver_admission_webhook_rejection_count":            {"name", "type", "operation", "error_type", "rejection_code"},
		"apiserver_admission_webhook_fail_open_count":            {"name", "type"},
		"apiserver_admission_webhook_admission_duration_seconds": {"name", "type", "operation", "rejected"},
	}
}

// used tells whether n has every metric of an expression with the labels that
// it goes by.
func (n notebook) used(t *testing.T, where, expr string) {
	t.Helper()
	used, err := monitoring.Uses(expr)
	require.NoError(t, err, where)
	require.NotEmpty(t, used.Metrics, where)
	known := slices.Clone(targets)
	for name, labels := range used.Metrics {
		has, is := n[name]
		if histogram, cut := strings.CutSuffix(name, "_bucket"); !is && cut {
			if has, is = n[histogram]; is {
				has = append(slices.Clone(has), "le")
			}
		}
		assert.True(t, is, "%s: nothing exports %s", where, name)
		known = append(known, has...)
		for _, l := range labels {
			assert.Contains(t, append(slices.Clone(targets), has...), l, "%s: a label of %s", where, name)
		}
	}
	for _, l := range used.Grouping {
		assert.Contains(t, known, l, where)
	}
}

// An alert over a metric that there is not is silent for ever.
func TestAlertsAndDashboardUseWhatIsExported(t *testing.T) {
	t.Parallel()
	n := exported(t)
	for name, labels := range ofAPIServer() {
		n[name] = labels
	}
	alerts, err := monitoring.Alerts()
	require.NoError(t, err)
	for _, a := range alerts {
		n.used(t, a.Alert, a.Expr)
	}
	d, err := monitoring.ReadDashboard()
	require.NoError(t, err)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			n.used(t, p.Title, monitoring.Filled(target.Expr, "5m", "6h"))
		}
	}
	for _, v := range d.Templating.List {
		if q, is := v.Query.(map[string]any); is {
			of := labelValues.FindStringSubmatch(q["query"].(string))
			n.used(t, v.Name, fmt.Sprintf("group by (%s) (%s)", of[2], monitoring.Filled(of[1], "5m", "6h")))
		}
	}
}

// inReference is a metric of ours as the reference writes it.
var inReference = regexp.MustCompile("`(tcr_webhook_\\w+)(?:\\{([\\w,]+)\\})?`")

func TestTheReferenceHasEveryMetricWithItsLabels(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/README.md")
	require.NoError(t, err)
	written, want := map[string]string{}, map[string]string{}
	for _, found := range inReference.FindAllStringSubmatch(string(text), -1) {
		written[found[1]] = found[2]
	}
	for name, labels := range exported(t) {
		if strings.HasPrefix(name, "tcr_webhook_") {
			want[name] = strings.Join(labels, ",")
		}
	}
	assert.Equal(t, want, written)
}

// labelValues is what Grafana asks for the values of a label by.
var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
