package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/tcr-webhook/tcr-webhook/test/monitoring"
	"github.com/tcr-webhook/tcr-webhook/test/process"
)

// faster is what the durations of rules are divided by: five minutes are seven
// and a half seconds, and a day 36 minutes.
const faster = 40

// server is a running Prometheus.
type server struct {
	url     string
	targets string // file
}

// scrape has replicas scraped at these addresses, and no others.
func (p *server) scrape(addresses ...string) error {
	data, err := json.Marshal([]map[string]any{{"targets": addresses, "labels": map[string]string{"namespace": "tcr-webhook"}}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.targets+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(p.targets+".new", p.targets)
}

// startPrometheus starts one with the rules of the chart, which scrapes the API
// server as well.
func startPrometheus(t *testing.T, api *rest.Config) *server {
	t.Helper()
	path := program(t, "prometheus")
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, data, 0o600))
		return name
	}
	for _, name := range monitoring.RuleFiles() {
		data, err := monitoring.Read(name)
		require.NoError(t, err)
		file(name, monitoring.Faster(data, faster))
	}
	host, err := url.Parse(api.Host)
	require.NoError(t, err)
	p := &server{targets: filepath.Join(dir, "targets.json")}
	config := file("prometheus.yml", fmt.Appendf(nil, `
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 500ms, external_labels: {cluster: test}}
rule_files: [%s/rules*.yaml]
scrape_configs:
- job_name: any
  file_sd_configs: [{files: [%s], refresh_interval: 1s}]
- job_name: apiserver
  scrape_interval: 2s
  scrape_timeout: 2s
  scheme: https
  tls_config: {ca_file: %s, cert_file: %s, key_file: %s}
  static_configs: [{targets: [%q]}]
  metric_relabel_configs: [{source_labels: [__name__], regex: apiserver_admission_webhook_.*, action: keep}]
`, dir, p.targets, file("ca.crt", api.CAData), file("tls.crt", api.CertData), file("tls.key", api.KeyData), host.Host))
	running, err := process.OnFreePorts(t.Context(), 1, func(ctx context.Context, ports []int) (*process.Process, error) {
		address := "127.0.0.1:" + strconv.Itoa(ports[0])
		p.url = "http://" + address
		started, err := process.Launch(process.Server("prometheus", path, filepath.Join(dir, "prometheus.log"), []string{
			"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + address, "--log.level=warn",
		}))
		if err != nil {
			return nil, err
		}
		return started, started.Await(ctx, func(ctx context.Context) error { return process.Get(ctx, http.DefaultClient, p.url+"/-/ready") })
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = running.Stop() })
	return p
}

// series is what Prometheus answers: values by time.
type series struct {
	Metric map[string]string
	Value  [2]any
	Values [][2]any
}

// ask asks for a path of the API; what is no expression to it is an error.
func (p *server) ask(ctx context.Context, path string, query url.Values) ([]series, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	var answer struct {
		Status, Error string
		Data          struct{ Result []series }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("%s: %s", query.Get("query"), answer.Error)
	}
	return answer.Data.Result, nil
}

// over asks for an expression over a time.
func (p *server) over(ctx context.Context, expr string, from, to time.Time, step time.Duration) ([]series, error) {
	return p.ask(ctx, "/api/v1/query_range", url.Values{
		"query": {expr}, "start": {at(from)}, "end": {at(to)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	})
}

func at(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }

// firing names the alerts that fire now, with their severity.
func (p *server) firing(ctx context.Context) (map[string]bool, error) {
	list, err := p.ask(ctx, "/api/v1/query", url.Values{"query": {`count by (alertname, severity) (ALERTS{alertstate="firing"})`}})
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, s := range list {
		names[s.Metric["alertname"]+" "+s.Metric["severity"]] = true
	}
	return names, nil
}
