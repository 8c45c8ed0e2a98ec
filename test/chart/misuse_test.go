package chart

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
)

// Each mistake is refused, by its path, before anything is installed.
func TestMistakesAreRefused(t *testing.T) {
	t.Parallel()
	entry := func(more Values) Values {
		one := Values{"instance": "tcr-m3ut3qxx"}
		merge(one, more)
		return at("config.registries", []any{one})
	}
	for name, tt := range map[string]struct {
		values Values
		want   []string
	}{
		// By the schema.
		"an unknown value":                   {at("replicas", 3), []string{"additional properties 'replicas' not allowed"}},
		"an unknown value inside":            {at("image.name", "x"), []string{"/image", "'name' not allowed"}},
		"an unknown key of the config":       {at("config.tencentCloud.regoin", "x"), []string{"/config/tencentCloud", "'regoin' not allowed"}},
		"an unknown key of an entry":         {entry(Values{"namespace": "shop"}), []string{"/config/registries/0", "'namespace' not allowed"}},
		"no replica":                         {at("replicaCount", 0), []string{"/replicaCount", "minimum: got 0, want 1"}},
		"a number as a text":                 {at("replicaCount", "two"), []string{"/replicaCount", "got string, want integer"}},
		"a mode of certificates":             {at("certs.mode", "auto"), []string{"/certs/mode", "'self', 'cert-manager', 'provided'"}},
		"a failure policy":                   {at("webhooks.failurePolicy", "fail"), []string{"/webhooks/failurePolicy", "'Fail', 'Ignore'"}},
		"a timeout below the grace":          {at("webhooks.timeoutSeconds", 2), []string{"/webhooks/timeoutSeconds", "minimum: got 2, want 3"}},
		"a host with a path":                 {at("hosts", []any{"r.example.com/team"}), []string{"/hosts/0", "does not match pattern"}},
		"a host in capitals":                 {at("hosts", []any{"R.example.com"}), []string{"/hosts/0", "does not match pattern"}},
		"a host that is a pattern":           {at("hosts", []any{".*"}), []string{"/hosts/0", "does not match pattern"}},
		"a region":                           {at("config.tencentCloud.region", "Guangzhou"), []string{"/config/tencentCloud/region", "does not match pattern"}},
		"an instance by its name":            {entry(Values{"instance": "demo"}), []string{"/config/registries/0/instance", "does not match pattern"}},
		"a route":                            {entry(Values{"route": "private"}), []string{"/config/registries/0/route", "'Auto', 'Private', 'Public'"}},
		"an action":                          {at("config.policy.rules", []any{Values{"name": "a", "action": "Deny"}}), []string{"/config/policy/rules/0/action", "'Audit', 'Warn', 'Enforce'"}},
		"a rule without a name":              {at("config.policy.rules", []any{Values{"allow": []any{"nginx"}}}), []string{"/config/policy/rules/0", "missing property 'name'"}},
		"a digest without its algorithm":     {at("image.digest", "abc"), []string{"/image/digest", "does not match pattern"}},
		"a namespace that breaks out of CEL": {at("extraSystemNamespaces", []any{"a'] || true || ['"}), []string{"/extraSystemNamespaces/0", "does not match pattern"}},
		"a Secret's name with a comma":       {at("config.pullSecret.name", "tcr-pull,*"), []string{"/config/pullSecret/name", "does not match pattern"}},
		"a duration without a unit":          {at("config.firstPodGrace", "500"), []string{"/config/firstPodGrace", "does not match pattern"}},
		"a port out of range":                {at("securePort", 70000), []string{"/securePort", "maximum: got 70,000, want 65,535"}},
		// By the templates.
		"no registry":                       {at("config.registries", []any{}), []string{"config.registries: names no registry", "--set config.registries[0].instance="}},
		"no region":                         {at("config.tencentCloud.region", ""), []string{"config.tencentCloud.region: is not given", "--set config.tencentCloud.region="}},
		"an entry that is nothing":          {at("config.registries", []any{Values{"namespaces": []any{"*"}}}), []string{"config.registries[0]: is neither", "give instance"}},
		"a fixed login without its Secret":  {at("config.registries", []any{Values{"name": "personal", "hosts": []any{"ccr.ccs.tencentyun.com"}}}), []string{"config.registries[0]:", "credentialSecret"}},
		"a node agent that is not there":    {at("config.nodeAgent.enabled", true), []string{"config.nodeAgent.enabled:", "set nodeAgent.enabled=true"}},
		"a drain longer than a pod's end":   {at("drainSeconds", 30), []string{"terminationGracePeriodSeconds: 30 is too short", "at least 40"}},
		"cert-manager that is not there":    {at("certs.mode", "cert-manager"), []string{"certs.mode: cert-manager is not installed", "certs.mode=self"}},
		"the kubelet's port":                {Values{"hostNetwork": true, "securePort": 10250}, []string{"securePort: 10250 is the kubelet's", "such as 9443"}},
		"one port twice":                    {at("metrics.port", 9443), []string{"securePort: 9443 is metrics.port", "choose another"}},
		"one port for metrics and probes":   {at("metrics.port", 8081), []string{"metrics.port: 8081 is probes.port", "choose another"}},
		"somebody else's rights":            {at("serviceAccount.create", false), []string{"serviceAccount.name: is needed"}},
		"monitors without the operator":     {Values{"metrics": Values{"podMonitor": Values{"enabled": true, "renderMode": "failIfMissing"}}}, []string{"metrics.podMonitor.enabled: the Prometheus operator is not installed", "renderMode=skipIfMissing"}},
		"alerts without the operator":       {Values{"metrics": Values{"prometheusRule": Values{"enabled": true, "renderMode": "failIfMissing"}}}, []string{"metrics.prometheusRule.enabled: the Prometheus operator"}},
		"a ServiceAccount of all namespace": {Values{"serviceAccount": Values{"create": false, "name": ""}}, []string{"serviceAccount.name: is needed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := RenderWith(Options{Values: minimal(tt.values)})
			require.Error(t, err)
			for _, want := range tt.want {
				assert.ErrorContains(t, err, want)
			}
			assert.Less(t, len(err.Error()), 700, "of a length that anybody reads")
		})
	}
}

// What other charts of a release share, and what makes this one a dependency.
func TestOtherChartsMayUseIt(t *testing.T) {
	t.Parallel()
	_, err := Render(minimal(Values{"enabled": true, "global": Values{"anything": Values{"at": "all"}, "storageClass": "x"}}))
	assert.NoError(t, err)
}

func TestLint(t *testing.T) {
	t.Parallel()
	version, err := common.ParseKubeVersion(KubeVersion)
	require.NoError(t, err)
	for name, values := range map[string]Values{"as it comes": {}, "as it is installed": minimal()} {
		for _, m := range lint.RunAll(Dir(), values, Release, lint.WithKubeVersion(version)).Messages {
			assert.Equal(t, support.InfoSev, m.Severity, "%s: %s: %v", name, m.Path, m.Err)
		}
	}
}

// TKE's versions look like pre-releases.
func TestKubernetesVersions(t *testing.T) {
	t.Parallel()
	c, err := Load()
	require.NoError(t, err)
	for version, want := range map[string]bool{
		"v1.27.9": false, "v1.28.0": true, "v1.28.3-tke.1": true, "v1.30.0-tke.1": true, "v1.34.1-eks-1234": true, "v1.37.2": true,
	} {
		assert.Equal(t, want, chartutil.IsCompatibleRange(c.Metadata.KubeVersion, version), version)
	}
}

func TestOldKubernetesGetsWhatItKnows(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]struct{ policies, flowSchema bool }{
		"v1.28.3-tke.1": {false, false}, "v1.29.1": {false, true}, "v1.30.0-tke.1": {true, true},
	} {
		r, err := RenderWith(Options{Values: minimal(), KubeVersion: version})
		require.NoError(t, err)
		text := strings.Join(r.Manifests, "")
		assert.Equal(t, want.policies, strings.Contains(text, "kind: ValidatingAdmissionPolicy\n"), version)
		assert.Equal(t, want.flowSchema, strings.Contains(text, "kind: FlowSchema\n"), version)
		assert.Equal(t, !want.policies, strings.Contains(r.Notes, "has no ValidatingAdmissionPolicies"), version)
	}
}
