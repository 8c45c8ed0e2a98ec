package chart

import (
	"path/filepath"
	"strings"
)

// installHeader says what deploy/install.yaml is.
const installHeader = `# tcr-webhook as the chart in deploy/chart renders it by default, but for what
# kubectl users do themselves: the configuration is a ConfigMap of their own
# (tcr-webhook-config, see examples/configs), and the cloud credentials, if a key is
# used, the Secret tcr-webhook-credentials. The README has the commands.
#
# Made by: go run ./test/chart/render. Do not edit it; edit the chart.
`

// InstallValues are those that deploy/install.yaml is rendered with.
func InstallValues() Values {
	return Values{
		"namespace":         Values{"create": true},
		"existingConfigMap": "tcr-webhook-config",
	}
}

// InstallFile is where deploy/install.yaml is.
func InstallFile() string { return filepath.Join(Dir(), "..", "..", "install.yaml") }

// Install is what deploy/install.yaml has to hold. It has no hooks: nothing but
// Helm knows when to run them.
func Install() (string, error) {
	r, err := RenderWith(Options{Values: InstallValues()})
	if err != nil {
		return "", err
	}
	var text strings.Builder
	text.WriteString(installHeader)
	for _, m := range r.Manifests {
		text.WriteString("---\n")
		for line := range strings.Lines(m) {
			if !ofHelm(line) {
				text.WriteString(line)
			}
		}
	}
	return text.String(), nil
}

// ofHelm tells the labels that are not true of what kubectl applies.
func ofHelm(line string) bool {
	line = strings.TrimSpace(line)
	return line == "app.kubernetes.io/managed-by: Helm" || strings.HasPrefix(line, "helm.sh/chart: ")
}
