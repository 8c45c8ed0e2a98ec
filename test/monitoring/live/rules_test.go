package live

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/test/monitoring"
)

// The replicas' series when all is well, at each minute.
func healthy() map[string]string {
	return map[string]string{
		`tcr_webhook_ready{instance="a"}`:                                                                            "1x3000",
		`tcr_webhook_ready{instance="b"}`:                                                                            "1x3000",
		`tcr_webhook_leader{instance="a"}`:                                                                           "1x3000",
		`tcr_webhook_leader{instance="b"}`:                                                                           "0x3000",
		`tcr_webhook_token_expiry_timestamp_seconds{instance="a",registry="tcr-a"}`:                                  "3600+60x3000",
		`tcr_webhook_token_lifetime_seconds{instance="a",registry="tcr-a"}`:                                          "3600x3000",
		`tcr_webhook_pull_secrets{instance="a",state="current"}`:                                                     "10000x3000",
		`tcr_webhook_pull_secrets{instance="a",state="leftover"}`:                                                    "1x3000",
		`tcr_webhook_pull_secrets{instance="a",state="foreign"}`:                                                     "0x3000",
		`tcr_webhook_pull_secrets{instance="a",state="outdated"}`:                                                    "0x3000",
		`tcr_webhook_route_state{instance="a",registry="tcr-a",state="PrivateName"}`:                                 "1x3000",
		`tcr_webhook_route_state{instance="a",registry="tcr-a",state="None"}`:                                        "0x3000",
		`tcr_webhook_admissions_total{instance="a",webhook="pods",result="patched"}`:                                 "0+600x3000",
		`tcr_webhook_admissions_total{instance="a",webhook="pods",result="cold"}`:                                    "0x3000",
		`tcr_webhook_admission_duration_seconds_bucket{instance="a",le="0.1"}`:                                       "0+600x3000",
		`tcr_webhook_admission_duration_seconds_bucket{instance="a",le="0.5"}`:                                       "0+600x3000",
		`tcr_webhook_admission_duration_seconds_bucket{instance="a",le="+Inf"}`:                                      "0+600x3000",
		`tcr_webhook_api_requests_total{instance="a",action="CreateInstanceToken",code="OK"}`:                        "0+1x3000",
		`tcr_webhook_config_last_reload_successful{instance="a"}`:                                                    "1x3000",
		`tcr_webhook_registration_gaps{instance="a",kind="Missing"}`:                                                 "0x3000",
		`tcr_webhook_clock_skew_seconds{instance="a"}`:                                                               "-3x3000",
		`tcr_webhook_certificate_expiry_timestamp_seconds{instance="a",kind="serving"}`:                              "1000000+60x3000",
		`tcr_webhook_certificate_lifetime_seconds{instance="a",kind="serving"}`:                                      "2000000x3000",
		`apiserver_admission_webhook_rejection_count{name="pods.tcr-webhook.io",error_type="no_error"}`:              "0+1x3000",
		`apiserver_admission_webhook_rejection_count{name="another.example.com",error_type="calling_webhook_error"}`: "0+1x3000",
		`apiserver_admission_webhook_fail_open_count{name="another.example.com"}`:                                    "0+1x3000",
		`apiserver_admission_webhook_admission_duration_seconds_bucket{name="pods.tcr-webhook.io",le="0.5"}`:         "0+60x3000",
		`apiserver_admission_webhook_admission_duration_seconds_bucket{name="pods.tcr-webhook.io",le="2.5"}`:         "0+60x3000",
		`apiserver_admission_webhook_admission_duration_seconds_bucket{name="pods.tcr-webhook.io",le="+Inf"}`:        "0+60x3000",
		`tcr_webhook_policy_violations_total{instance="a",rule="only-ours",action="Enforce"}`:                        "0+1x3000",
	}
}

// alertCase is what is otherwise, and which alerts fire at which minute.
type alertCase struct {
	name   string
	series map[string]string
	want   map[int][]string
}

func alertCases() []alertCase {
	const pending, slow = `tcr_webhook_admission_duration_seconds_bucket`, `apiserver_admission_webhook_admission_duration_seconds_bucket`
	denied := `tcr_webhook_api_requests_total{instance="a",action="CreateInstanceToken",code="UnauthorizedOperation"}`
	return []alertCase{
		{"all is well", nil, map[int][]string{1: {}, 60: {}, 2900: {}}},
		{"no replica is ready", map[string]string{`tcr_webhook_ready{instance="a"}`: "1x10 0x100", `tcr_webhook_ready{instance="b"}`: "1x10 0x100"},
			map[int][]string{15: {}, 16: {"TCRWebhookDown critical"}, 100: {"TCRWebhookDown critical"}}},
		{"no replica is there", map[string]string{`tcr_webhook_ready{instance="a"}`: "1x10 stale", `tcr_webhook_ready{instance="b"}`: "1x10 stale"},
			map[int][]string{15: {}, 16: {"TCRWebhookDown critical"}}},
		{"one replica is not ready", map[string]string{`tcr_webhook_ready{instance="b"}`: "1x10 0x100"},
			map[int][]string{40: {}, 41: {"TCRWebhookNotRedundant warning"}}},
		{"a rollout, one at a time", map[string]string{`tcr_webhook_ready{instance="b"}`: "1x10 0x5 1x100", `tcr_webhook_ready{instance="a"}`: "1x20 0x5 1x100"},
			map[int][]string{12: {}, 22: {}, 60: {}}},
		{"nobody leads", map[string]string{`tcr_webhook_leader{instance="a"}`: "1x10 0x100"}, map[int][]string{15: {}, 16: {"TCRNoLeader warning"}}},
		{"another leads", map[string]string{`tcr_webhook_leader{instance="a"}`: "1x10 0x100", `tcr_webhook_leader{instance="b"}`: "0x11 1x100"}, map[int][]string{60: {}}},
		{"a token that is not renewed", map[string]string{`tcr_webhook_token_expiry_timestamp_seconds{instance="a",registry="tcr-a"}`: "3600x100"}, map[int][]string{
			53: {}, 54: {"TCRTokenRenewalFailing warning"}, 61: {"TCRTokenRenewalFailing warning"},
			62: {"TCRTokenRenewalFailing critical", "TCRTokenRenewalFailing warning"},
		}},
		{"a token that is renewed late", map[string]string{`tcr_webhook_token_expiry_timestamp_seconds{instance="a",registry="tcr-a"}`: "3600x51 6600x40"}, map[int][]string{47: {}, 55: {}, 80: {}}},
		{"a token that never was", map[string]string{
			`tcr_webhook_token_expiry_timestamp_seconds{instance="a",registry="tcr-b"}`: "0x100",
		}, map[int][]string{1: {}, 2: {"TCRTokenRenewalFailing critical"}}},
		{"Secrets that stay outdated", map[string]string{`tcr_webhook_pull_secrets{instance="a",state="outdated"}`: "0x10 5x100"},
			map[int][]string{20: {}, 21: {"TCRPullSecretsStale warning"}}},
		{"Secrets that are outdated for a while", map[string]string{`tcr_webhook_pull_secrets{instance="a",state="outdated"}`: "0x10 9000x9 0x100"}, map[int][]string{15: {}, 20: {}, 30: {}}},
		{"a foreign Secret", map[string]string{`tcr_webhook_pull_secrets{instance="a",state="foreign"}`: "0x10 1x100"},
			map[int][]string{70: {}, 71: {"TCRPullSecretsForeign info"}}},
		{"no route", map[string]string{`tcr_webhook_route_state{instance="a",registry="tcr-a",state="None"}`: "0x10 1x100", `tcr_webhook_route_state{instance="a",registry="tcr-a",state="PrivateName"}`: "1x10 0x100"},
			map[int][]string{25: {}, 26: {"TCRRouteLost warning"}}},
		{"a route to and fro", map[string]string{`tcr_webhook_route_state{instance="a",registry="tcr-a",state="PrivateName"}`: "1x9 0 1 0 1 0 1x100", `tcr_webhook_route_state{instance="a",registry="tcr-a",state="PublicName"}`: "0x9 1 0 1 0 1 0x100"},
			map[int][]string{13: {}, 14: {"TCRRouteFlapping warning"}, 68: {"TCRRouteFlapping warning"}, 71: {}}},
		{"calls without an answer", map[string]string{`tcr_webhook_admissions_total{instance="a",webhook="pods",result="cold"}`: "0x10 0+10x100"},
			map[int][]string{20: {}, 25: {"TCRAdmissionErrors critical"}}},
		{"a call in two hundred without an answer", map[string]string{`tcr_webhook_admissions_total{instance="a",webhook="pods",result="cold"}`: "0x10 0+3x100"}, map[int][]string{60: {}}},
		{"slow calls", map[string]string{pending + `{instance="a",le="0.1"}`: "0+300x100"}, map[int][]string{10: {}, 12: {"TCRAdmissionSlow warning"}}},
		{"a refused call, once", map[string]string{denied: "_x11 1x100"}, map[int][]string{10: {}, 11: {"TCRCloudAPIDenied warning"}, 24: {"TCRCloudAPIDenied warning"}, 27: {}}},
		{"a refused call, again", map[string]string{denied: "3x20 4x100"}, map[int][]string{1: {"TCRCloudAPIDenied warning"}, 19: {}, 22: {"TCRCloudAPIDenied warning"}, 40: {}}},
		{"a missed scrape, long after a refused call", map[string]string{denied: "3x40 stale 3x100"}, map[int][]string{30: {}, 42: {}, 56: {}, 57: {}, 58: {}}},
		{"a call from a wrong clock", map[string]string{`tcr_webhook_api_requests_total{instance="a",action="x",code="AuthFailure.SignatureExpire"}`: "0+1x100"}, map[int][]string{60: {}}},
		{"calls that are throttled", map[string]string{`tcr_webhook_api_requests_total{instance="a",action="x",code="RequestLimitExceeded"}`: "0x10 0+1x100"},
			map[int][]string{14: {}, 20: {"TCRCloudAPIThrottled info"}}},
		{"a call that is throttled now and then", map[string]string{`tcr_webhook_api_requests_total{instance="a",action="x",code="RequestLimitExceeded"}`: "0x10 1x10 2x10 3x100"}, map[int][]string{12: {}, 40: {}}},
		{"a configuration that is refused", map[string]string{`tcr_webhook_config_last_reload_successful{instance="a"}`: "1x10 0x100"},
			map[int][]string{15: {}, 16: {"TCRConfigRejected warning"}}},
		{"a registration that is missing", map[string]string{`tcr_webhook_registration_gaps{instance="a",kind="Missing"}`: "0x10 1x100"},
			map[int][]string{25: {}, 26: {"TCRRegistrationGaps warning"}}},
		{"a clock that is late", map[string]string{`tcr_webhook_clock_skew_seconds{instance="a"}`: "0x10 -75x100"},
			map[int][]string{20: {}, 21: {"TCRClockSkew warning"}}},
		{"a certificate that is not renewed", map[string]string{
			`tcr_webhook_certificate_expiry_timestamp_seconds{instance="a",kind="serving"}`: "60000x1200", `tcr_webhook_certificate_lifetime_seconds{instance="a",kind="serving"}`: "60000x1200",
		}, map[int][]string{
			810: {}, 811: {"TCRCertificateExpirySoon warning"}, 900: {"TCRCertificateExpirySoon warning"},
			901: {"TCRCertificateExpirySoon critical", "TCRCertificateExpirySoon warning"}, 1100: {"TCRCertificateExpirySoon critical", "TCRCertificateExpirySoon warning"},
		}},
		{"calls that fail", map[string]string{`apiserver_admission_webhook_rejection_count{name="pods.tcr-webhook.io",error_type="calling_webhook_error"}`: "0x10 0+1x100"},
			map[int][]string{16: {}, 17: {"TCRWebhookCallsFailing critical"}}},
		{"calls that fail and do not matter", map[string]string{`apiserver_admission_webhook_fail_open_count{name="pods-best-effort.tcr-webhook.io"}`: "_x11 1x100"},
			map[int][]string{10: {}, 11: {"TCRWebhookBypassed warning"}, 24: {"TCRWebhookBypassed warning"}, 27: {}}},
		{"a long way", map[string]string{slow + `{name="pods.tcr-webhook.io",le="0.5"}`: "0+30x100"}, map[int][]string{10: {}, 12: {"TCRWebhookCallsSlow warning"}}},
		{"a rule on trial", map[string]string{`tcr_webhook_policy_violations_total{instance="a",rule="only-ours",action="Audit"}`: "_x11 1x3000"},
			map[int][]string{10: {}, 11: {"TCRPolicyViolations info"}, 1440: {"TCRPolicyViolations info"}, 1460: {}}},
	}
}

// file is the case as promtool reads it.
func (c alertCase) file(rules []string) map[string]any {
	all := healthy()
	maps.Copy(all, c.series)
	var series, checks []map[string]any
	for name, values := range all {
		series = append(series, map[string]any{"series": strings.Replace(name, "{", `{namespace="tcr-webhook",`, 1), "values": values})
	}
	for minute, firing := range c.want {
		samples := []map[string]any{}
		for _, f := range firing {
			name, severity, _ := strings.Cut(f, " ")
			samples = append(samples, map[string]any{"labels": fmt.Sprintf(`{alertname=%q,severity=%q}`, name, severity), "value": 1})
		}
		checks = append(checks, map[string]any{
			"expr": `count by (alertname, severity) (ALERTS{alertstate="firing"})`, "eval_time": fmt.Sprintf("%dm", minute), "exp_samples": samples,
		})
	}
	return map[string]any{
		"rule_files": rules, "evaluation_interval": "1m",
		"tests": []map[string]any{{"name": c.name, "interval": "1m", "input_series": series, "promql_expr_test": checks}},
	}
}

func ruleFiles() []string {
	var files []string
	for _, name := range monitoring.RuleFiles() {
		files = append(files, filepath.Join(monitoring.Root(), "deploy", "chart", "tcr-webhook", "monitoring", name))
	}
	return files
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	assert.NoError(t, err, "%s", out)
	return string(out)
}

func TestPrometheusReadsTheRules(t *testing.T) {
	t.Parallel()
	out := run(t, program(t, "promtool"), append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, ruleFiles()...)...)
	assert.Equal(t, len(ruleFiles()), strings.Count(out, "SUCCESS"))
}

// Every query of the dashboard is one, to the same parser.
func TestPrometheusReadsTheDashboard(t *testing.T) {
	t.Parallel()
	tool := program(t, "promtool")
	d, err := monitoring.ReadDashboard()
	require.NoError(t, err)
	var rules []map[string]any
	for _, p := range d.Panels {
		for i, target := range p.Targets {
			rules = append(rules, map[string]any{"record": fmt.Sprintf("panel:%d_%d", p.ID, i), "expr": monitoring.Filled(target.Expr, "5m", "6h")})
		}
	}
	file := write(t, map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	assert.Contains(t, run(t, tool, "check", "rules", file), fmt.Sprintf("%d rules found", len(rules)))
}

func write(t *testing.T, v any) string {
	t.Helper()
	data, err := yaml.Marshal(v)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "file.yaml")
	require.NoError(t, os.WriteFile(file, data, 0o600))
	return file
}

// By promtool's clock an hour takes nothing: each alert fires when it is to,
// not a minute before, and no other does.
func TestAlertsFireInTime(t *testing.T) {
	t.Parallel()
	tool := program(t, "promtool")
	for _, c := range alertCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, tool, "test", "rules", write(t, c.file(ruleFiles())))
		})
	}
}

func TestEveryAlertIsTried(t *testing.T) {
	t.Parallel()
	var tried []string
	for _, c := range alertCases() {
		for _, firing := range c.want {
			tried = append(tried, firing...)
		}
	}
	alerts, err := monitoring.Alerts()
	require.NoError(t, err)
	for _, a := range alerts {
		assert.True(t, slices.Contains(tried, a.Alert+" "+a.Severity()), "%s %s", a.Alert, a.Severity())
	}
}
