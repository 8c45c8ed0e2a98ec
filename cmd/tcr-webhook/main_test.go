package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const goodConfig = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou}
registries:
- {instance: tcr-m3ut3qxx}
`

var secretKeyConfig = strings.Replace(goodConfig, "ap-guangzhou", "ap-guangzhou, identity: SecretKey", 1)

// What keeps the server from starting ends it at once with one line that says
// what to do, before it has called anything.
func TestRunRefusesToStart(t *testing.T) {
	t.Parallel()
	const marker = "marker-77ae"
	tests := []struct {
		name  string
		files map[string]string // in the test's folder
		args  []string
		want  string
	}{
		{"without a configuration", nil, nil, "read configuration: open DIR/config.yaml: no such file or directory"},
		{"with an unknown key", map[string]string{"config.yaml": goodConfig + "polcy: {}\n"}, nil,
			`DIR/config.yaml:6: unknown key "polcy"; known here: apiVersion, kind, tencentCloud, registries, pullSecret, privateNetwork, nodeAgent, rewrite, policy, firstPodGrace`},
		{"with a bad instance id", map[string]string{"config.yaml": strings.Replace(goodConfig, "tcr-m3ut3qxx", "demo", 1)}, nil,
			`DIR/config.yaml:5:14: registries[0].instance: "demo" is not an instance id: want tcr- and lower-case letters or digits, such as tcr-m3ut3qxx`},
		{"without credentials", map[string]string{"config.yaml": secretKeyConfig}, nil,
			"credentials: no credentials for Tencent Cloud: file DIR/credentials/secretId does not exist; mount a Secret with the keys secretId and secretKey there"},
		{"with half of a key", map[string]string{"config.yaml": goodConfig, "credentials/secretId": marker}, nil,
			"credentials: no credentials for Tencent Cloud: file DIR/credentials/secretKey does not exist; mount a Secret with the keys secretId and secretKey there"},
		{"without an entry's credentials", map[string]string{"config.yaml": goodConfig + "- {instance: tcr-m3ut3qxx, credentials: team-a}\n"}, nil,
			"credentials: no credentials for Tencent Cloud: file DIR/credentials/team-a/secretId does not exist; mount a Secret with the keys secretId and secretKey there"},
		{"without a pod identity", map[string]string{"config.yaml": strings.Replace(secretKeyConfig, "SecretKey", "PodIdentity", 1)}, nil,
			"credentials: no pod identity: the environment has no TKE_ROLE_ARN; install TKE's pod-identity-webhook, annotate our ServiceAccount with tke.cloud.tencent.com/role-arn, and start the pod anew"},
		{"without a certificate", map[string]string{"config.yaml": goodConfig, "credentials/secretId": marker, "credentials/secretKey": marker}, []string{"--certs=provided"},
			"webhook certificate: open DIR/tls/tls.crt: no such file or directory; mount a Secret of type kubernetes.io/tls at DIR/tls"},
		{"with an unknown flag", nil, []string{"--confg=x"}, "unknown flag: --confg"},
		{"with an argument", nil, []string{"x"}, `unknown command "x" for "tcr-webhook"`},
		{"with a bad address", nil, []string{"--listen=9443"}, `--listen: "9443" is not an address such as :9443`},
		{"with a bad level", nil, []string{"--log-level=loud"}, `--log-level: "loud" is not debug, info, warn or error`},
		{"with a bad namespace", nil, []string{"--namespace=A"}, `--namespace: "A" is not the name of a namespace`},
		{"with a metadata server elsewhere", nil, []string{"--metadata-server=http://example.com"}, `--metadata-server: "http://example.com" is not a URL on loopback`},
		{"with another's certificates", nil, []string{"--certs=vault"}, `--certs: "vault" is not self, cert-manager or provided`},
		{"with a bad Service", nil, []string{"--service=a.b"}, `--service: "a.b" is not the name of a Service`},
		{"with lives that cannot be kept up", nil, []string{"--ca-lifetime=1h", "--leaf-lifetime=1h"},
			"--ca-lifetime, --leaf-lifetime: the life of a certificate, 1h0m0s, is over a third of its CA's, 1h0m0s"},
		{"with a negative drain", nil, []string{"--drain-delay=-1s"}, "--drain-delay: -1s is not positive: calls that are under way would be lost"},
		{"with no drain", nil, []string{"--drain-delay=0s"}, "--drain-delay: 0s is not positive: calls that are under way would be lost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, content := range tt.files {
				path := filepath.Join(dir, name)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			}
			args := append([]string{
				"--config", filepath.Join(dir, "config.yaml"), "--credentials-dir", filepath.Join(dir, "credentials"),
				"--tls-dir", filepath.Join(dir, "tls"), "--namespace", "tcr-webhook",
			}, tt.args...)
			var stderr bytes.Buffer
			err := run(t.Context(), args, &stderr)
			require.Error(t, err)
			assert.Equal(t, strings.ReplaceAll(tt.want, "DIR", dir), err.Error())
			assert.NotContains(t, err.Error()+stderr.String(), marker)
		})
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"--help"}, &out))
	for _, flag := range []string{"--config", "--credentials-dir", "--certs", "--service", "--ca-lifetime", "--leaf-lifetime", "--tls-dir", "--listen", "--drain-delay"} {
		assert.Contains(t, out.String(), flag)
	}
}
