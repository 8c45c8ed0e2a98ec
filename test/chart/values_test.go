package chart

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// at is values with one of them set, by its path.
func at(path string, value any) Values {
	keys := strings.Split(path, ".")
	for _, key := range slices.Backward(keys) {
		value = Values{key: value}
	}
	values, _ := value.(Values)
	return values
}

// tries are another value than the default for each that is documented, and
// other values that it takes to be of any effect.
var tries = map[string]struct {
	value any
	with  Values
	// bare: on a cluster without what others have to install.
	bare bool
}{
	"global":                                      {value: Values{"imageRegistry": "mirror.example.com", "imagePullSecrets": []any{"mirror"}}},
	"nameOverride":                                {value: "pull"},
	"fullnameOverride":                            {value: "pull"},
	"namespaceOverride":                           {value: "elsewhere"},
	"commonLabels":                                {value: Values{"team": "a"}},
	"commonAnnotations":                           {value: Values{"team": "a"}},
	"namespace.create":                            {value: true},
	"config.tencentCloud.region":                  {value: "ap-shanghai"},
	"config.tencentCloud.vpc":                     {value: "vpc-1"},
	"config.tencentCloud.identity":                {value: "NodeRole"},
	"config.tencentCloud.assumeRole":              {value: "qcs::cam::uin/100000000001:roleName/puller"},
	"config.tencentCloud.rootDomain":              {value: "internal.tencentcloudapi.com"},
	"config.tencentCloud.endpoint":                {value: "https://tcr.example.com"},
	"config.tencentCloud.stsEndpoint":             {value: "https://sts.example.com"},
	"config.registries":                           {value: []any{Values{"instance": "tcr-other123"}}},
	"config.pullSecret.name":                      {value: "registry-login"},
	"config.pullSecret.missing":                   {value: "Deny"},
	"config.pullSecret.serviceAccounts":           {value: "OnRequest"},
	"config.privateNetwork.manage":                {value: true},
	"config.privateNetwork.subnet":                {value: "subnet-1"},
	"config.privateNetwork.observeEvery":          {value: "5m"},
	"config.nodeAgent.enabled":                    {value: true, with: at("nodeAgent.enabled", true)},
	"config.rewrite.skipOwners":                   {value: []any{"postgresql.cnpg.io/Cluster"}},
	"config.policy.rules":                         {value: []any{Values{"name": "ours", "allow": []any{"tcr-m3ut3qxx"}}}},
	"config.firstPodGrace":                        {value: "500ms"},
	"existingConfigMap":                           {value: "mine"},
	"credentials.secretName":                      {value: "key"},
	"hosts":                                       {value: []any{"r.example.com"}},
	"inject":                                      {value: "Always"},
	"policyRegistration":                          {value: "Fail"},
	"systemNamespaces":                            {value: []any{"kube-system"}},
	"extraSystemNamespaces":                       {value: []any{"velero"}},
	"webhooks.failurePolicy":                      {value: "Ignore"},
	"webhooks.timeoutSeconds":                     {value: 5},
	"webhooks.annotations":                        {value: Values{"a": "b"}},
	"webhooks.namespaceSelector.matchLabels":      {value: Values{"a": "b"}},
	"webhooks.namespaceSelector.matchExpressions": {value: []any{Values{"key": "a", "operator": "Exists"}}},
	"webhooks.objectSelector.matchLabels":         {value: Values{"a": "b"}},
	"webhooks.objectSelector.matchExpressions":    {value: []any{Values{"key": "a", "operator": "Exists"}}},
	"webhooks.matchConditions":                    {value: []any{Values{"name": "a", "expression": "true"}}},
	"certs.mode":                                  {value: "provided"},
	"certs.secretName":                            {value: "pair", with: at("certs.mode", "provided")},
	"certs.certManager.issuerRef":                 {value: Values{"name": "ca", "kind": "ClusterIssuer"}, with: certManager()},
	"certs.certManager.duration":                  {value: "48h", with: certManager()},
	"certs.certManager.renewBefore":               {value: "24h", with: certManager()},
	"certs.certManager.assumeInstalled":           {value: true, with: at("certs.mode", "cert-manager"), bare: true},
	"admissionPolicies.enabled":                   {value: false},
	"admissionPolicies.guardCABundle":             {value: false},
	"replicaCount":                                {value: 3},
	"image.registry":                              {value: "registry.example.com"},
	"image.repository":                            {value: "tools/tcr-webhook"},
	"image.tag":                                   {value: "dev"},
	"image.digest":                                {value: "sha256:" + strings.Repeat("a", 64)},
	"image.pullPolicy":                            {value: "Always"},
	"imagePullSecrets":                            {value: []any{"mirror"}},
	"serviceAccount.create":                       {value: false, with: at("serviceAccount.name", "mine")},
	"serviceAccount.name":                         {value: "mine"},
	"serviceAccount.annotations":                  {value: Values{"a": "b"}},
	"rbac.create":                                 {value: false},
	"rbac.serviceAccounts":                        {value: true},
	"detectAddon":                                 {value: false},
	"logLevel":                                    {value: "debug"},
	"drainSeconds":                                {value: 15},
	"terminationGracePeriodSeconds":               {value: 60},
	"securePort":                                  {value: 10443},
	"service.annotations":                         {value: Values{"a": "b"}},
	"hostNetwork":                                 {value: true},
	"dnsPolicy":                                   {value: "Default"},
	"hostAliases":                                 {value: []any{Values{"ip": "10.0.0.1", "hostnames": []any{"tcr.tencentcloudapi.com"}}}},
	"probes.port":                                 {value: 8082},
	"probes.readiness":                            {value: Values{"periodSeconds": 1}},
	"probes.liveness":                             {value: Values{"failureThreshold": 5}},
	"metrics.port":                                {value: 8090},
	"metrics.podMonitor.enabled":                  {value: true},
	"metrics.podMonitor.interval":                 {value: "15s", with: at("metrics.podMonitor.enabled", true)},
	"metrics.podMonitor.labels":                   {value: Values{"a": "b"}, with: at("metrics.podMonitor.enabled", true)},
	"metrics.podMonitor.renderMode":               {value: "alwaysRender", with: at("metrics.podMonitor.enabled", true), bare: true},
	"metrics.serviceMonitor.enabled":              {value: true},
	"metrics.serviceMonitor.interval":             {value: "15s", with: at("metrics.serviceMonitor.enabled", true)},
	"metrics.serviceMonitor.labels":               {value: Values{"a": "b"}, with: at("metrics.serviceMonitor.enabled", true)},
	"metrics.serviceMonitor.renderMode":           {value: "alwaysRender", with: at("metrics.serviceMonitor.enabled", true), bare: true},
	"metrics.prometheusRule.enabled":              {value: true},
	"metrics.prometheusRule.policy":               {value: true, with: at("metrics.prometheusRule.enabled", true)},
	"metrics.prometheusRule.apiServer":            {value: true, with: at("metrics.prometheusRule.enabled", true)},
	"metrics.prometheusRule.labels":               {value: Values{"a": "b"}, with: at("metrics.prometheusRule.enabled", true)},
	"metrics.prometheusRule.renderMode":           {value: "alwaysRender", with: at("metrics.prometheusRule.enabled", true), bare: true},
	"metrics.dashboard.enabled":                   {value: true},
	"metrics.dashboard.labels":                    {value: Values{"a": "b"}, with: at("metrics.dashboard.enabled", true)},
	"metrics.dashboard.annotations":               {value: Values{"a": "b"}, with: at("metrics.dashboard.enabled", true)},
	"resources":                                   {value: Values{"requests": Values{"cpu": "250m"}}},
	"priorityClassName":                           {value: "high"},
	"podDisruptionBudget.enabled":                 {value: false},
	"podDisruptionBudget.maxUnavailable":          {value: "50%"},
	"topologySpreadConstraints":                   {value: []any{}},
	"affinity":                                    {value: Values{"podAntiAffinity": Values{}}},
	"nodeSelector":                                {value: Values{"a": "b"}},
	"tolerations":                                 {value: []any{Values{"operator": "Exists"}}},
	"podAnnotations":                              {value: Values{"a": "b"}},
	"podLabels":                                   {value: Values{"a": "b"}},
	"podSecurityContext":                          {value: Values{"runAsUser": 1000}},
	"securityContext":                             {value: Values{"runAsUser": 1000}},
	"networkPolicy.enabled":                       {value: false},
	"networkPolicy.metricsFrom":                   {value: []any{Values{"namespaceSelector": Values{}}}},
	"networkPolicy.egress.enabled":                {value: true},
	"networkPolicy.egress.ports":                  {value: []any{443}, with: at("networkPolicy.egress.enabled", true)},
	"networkPolicy.egress.extra":                  {value: []any{Values{"ports": []any{Values{"port": 8080}}}}, with: at("networkPolicy.egress.enabled", true)},
	"flowSchema.enabled":                          {value: false},
	"flowSchema.priorityLevel":                    {value: "system"},
	"flowSchema.matchingPrecedence":               {value: 500},
	"nodeAgent.enabled":                           {value: true},
	"nodeAgent.removeOnExit":                      {value: true, with: at("nodeAgent.enabled", true)},
	"nodeAgent.maxUnavailable":                    {value: 1, with: at("nodeAgent.enabled", true)},
	"nodeAgent.metricsPort":                       {value: 8090, with: at("nodeAgent.enabled", true)},
	"nodeAgent.priorityClassName":                 {value: "high", with: at("nodeAgent.enabled", true)},
	"nodeAgent.resources":                         {value: Values{"requests": Values{"cpu": "1m"}}, with: at("nodeAgent.enabled", true)},
	"nodeAgent.seLinuxOptions":                    {value: Values{"type": "spc_t"}, with: at("nodeAgent.enabled", true)},
	"nodeAgent.podAnnotations":                    {value: Values{"a": "b"}, with: at("nodeAgent.enabled", true)},
	"nodeAgent.nodeSelector":                      {value: Values{"a": "b"}, with: at("nodeAgent.enabled", true)},
	"nodeAgent.affinity":                          {value: Values{"podAntiAffinity": Values{}}, with: at("nodeAgent.enabled", true)},
	"nodeAgent.tolerations":                       {value: []any{}, with: at("nodeAgent.enabled", true)},
	"uninstall.enabled":                           {value: false},
	"uninstall.timeoutSeconds":                    {value: 100},
	"extraArgs":                                   {value: []any{"--log-level=debug"}},
	"extraEnv":                                    {value: []any{Values{"name": "HTTPS_PROXY", "value": "http://proxy"}}},
	"extraVolumes":                                {value: []any{Values{"name": "a", "emptyDir": Values{}}}},
	"extraVolumeMounts":                           {value: []any{Values{"name": "a", "mountPath": "/a"}}},
	"extraObjects":                                {value: []any{"{apiVersion: v1, kind: ConfigMap, metadata: {name: '{{ .Release.Name }}-more'}}"}},
}

func certManager() Values {
	return Values{"certs": Values{"mode": "cert-manager", "certManager": Values{"assumeInstalled": true}}}
}

// fixedValues are documented, and have one value that is right.
var fixedValues = []string{"config.apiVersion", "config.kind"}

// all is everything that is rendered, as one text; an error is one, too. It leaves
// out the schema, which takes longer than all else.
func all(values Values, others ...string) string {
	c, err := Load()
	if err == nil {
		var files map[string]string
		if files, err = (Options{Values: values, APIVersions: others}).files(c, true); err == nil {
			var text strings.Builder
			for _, name := range slices.Sorted(maps.Keys(files)) {
				text.WriteString(files[name])
			}
			return text.String()
		}
	}
	return "error: " + err.Error()
}

// Each value is documented, and each that is documented does something.
func TestEachValueIsDocumentedAndOfEffect(t *testing.T) {
	t.Parallel()
	documented, bare, err := Documented()
	require.NoError(t, err)
	assert.Empty(t, bare, "without a comment")
	byDefault := all(minimal(), "monitoring.coreos.com/v1")
	together := Values{}
	left := map[string]bool{}
	for path := range tries {
		left[path] = true
	}
	for _, v := range documented {
		delete(left, v.Path)
		if slices.Contains(fixedValues, v.Path) {
			continue
		}
		try, is := tries[v.Path]
		if !assert.True(t, is, "%s is not tried", v.Path) {
			continue
		}
		others := []string{"monitoring.coreos.com/v1"}
		if try.bare {
			others = nil
		}
		before := byDefault
		if try.with != nil {
			before = all(minimal(clone(try.with)), others...)
		}
		after := all(minimal(clone(try.with), clone(at(v.Path, try.value))), others...)
		if before == after { // of which the text itself says nothing
			assert.Fail(t, v.Path+" is ignored")
		}
		assert.False(t, strings.HasPrefix(after, "error: "), "%s: %.300s", v.Path, after)
		assert.False(t, strings.Contains(after, "<no value>"), v.Path)
		merge(together, clone(at(v.Path, try.value)))
	}
	assert.Empty(t, left, "tried, and not documented")
	_, err = RenderWith(Options{Values: together, APIVersions: []string{"monitoring.coreos.com/v1"}})
	assert.NoError(t, err, "all of them together")
}

func clone(v Values) Values {
	into := Values{}
	merge(into, v)
	return into
}

// The schema knows the values, and only them.
func TestTheSchemaHasTheValues(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(Dir(), "values.schema.json"))
	require.NoError(t, err)
	var schema node
	require.NoError(t, json.Unmarshal(data, &schema))
	documented, _, err := Documented()
	require.NoError(t, err)
	inValues := map[string]bool{}
	for _, v := range documented {
		inValues[v.Path] = true
		assert.NotNil(t, schema.find(strings.Split(v.Path, ".")), "%s is not in the schema", v.Path)
	}
	assert.Equal(t, []string{"enabled"}, schema.leavesBeyond("", inValues), "in the schema, and not in values.yaml")
	assert.JSONEq(t, "false", string(schema.AdditionalProperties))
	assert.Empty(t, schema.Properties["global"].AdditionalProperties, "global belongs to all charts")
}

// node is what we read of a schema.
type node struct {
	Properties           map[string]*node
	AdditionalProperties json.RawMessage
}

func (n *node) find(path []string) *node {
	for _, key := range path {
		if n = n.Properties[key]; n == nil {
			return nil
		}
	}
	return n
}

// leavesBeyond are the properties at which no documented value is or begins.
func (n *node) leavesBeyond(prefix string, documented map[string]bool) (beyond []string) {
	for key, child := range n.Properties {
		switch path := prefix + key; {
		case documented[path]:
		case len(child.Properties) > 0:
			beyond = append(beyond, child.leavesBeyond(path+".", documented)...)
		default:
			beyond = append(beyond, path)
		}
	}
	slices.Sort(beyond)
	return beyond
}

func TestTheReadmeHasTheValues(t *testing.T) {
	t.Parallel()
	got, err := os.ReadFile(ReadmeFile())
	require.NoError(t, err)
	want, err := Readme(string(got))
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(want, string(got)), "the chart's README is not what values.yaml says: go run ./test/chart/render")
}
