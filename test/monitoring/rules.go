package monitoring

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Groups is a file of rules, as Prometheus reads it.
type Groups struct {
	Groups []Group `json:"groups"`
}

// Group is rules that are evaluated together.
type Group struct {
	Name  string  `json:"name"`
	Rules []Alert `json:"rules"`
}

// Alert is a rule; there are none but alerts.
type Alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// Severity is how bad it is: critical, warning or info.
func (a Alert) Severity() string { return a.Labels["severity"] }

// Decode reads a file of rules; what it does not know is an error.
func Decode(data []byte) (*Groups, error) {
	var g Groups
	if err := yaml.UnmarshalStrict(data, &g); err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	return &g, nil
}

// Alerts are all alerts of the chart, in the order of its files.
func Alerts() ([]Alert, error) {
	var all []Alert
	for _, name := range RuleFiles() {
		data, err := Read(name)
		if err != nil {
			return nil, err
		}
		file, err := Decode(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all, nil
}

// PrometheusRule is a file of rules as the operator of Prometheus takes it. The
// text of the rules stays as it is.
func PrometheusRule(name string, rules []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Made from deploy/chart/tcr-webhook/monitoring/%s by
#   go test ./test/monitoring -update
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: tcr-webhook%s
  labels: {app.kubernetes.io/name: tcr-webhook}
spec:
`, name, strings.TrimPrefix(strings.TrimSuffix(name, ".yaml"), "rules"))
	for line := range bytes.Lines(rules) {
		b.WriteString("  ")
		b.Write(line)
	}
	return b.Bytes()
}

// times are the durations of a rule: of a range, of an offset, and how long it
// has to hold.
var times = regexp.MustCompile(`(\[|offset |for: )(\d+)([smhd])\b`)

// Faster is a file of rules whose every duration, in expressions and behind
// for, is divided by factor: what takes an hour of trouble takes seconds. The
// fractions and numbers that rules compare with stay.
func Faster(rules []byte, factor int) []byte {
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	return times.ReplaceAllFunc(rules, func(match []byte) []byte {
		found := times.FindSubmatch(match)
		n, _ := strconv.Atoi(string(found[2])) // digits
		shorter := time.Duration(n) * units[string(found[3])] / time.Duration(factor)
		return fmt.Appendf(nil, "%s%dms", found[1], max(shorter.Milliseconds(), 1))
	})
}
