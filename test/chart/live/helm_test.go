package live

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/action"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/cli"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/storage/driver"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/cluster"
)

// helm is Helm itself, with what it does on its own: server-side apply.
type helm struct {
	*bed
	cfg *action.Configuration
}

func startHelm(t *testing.T) *helm {
	t.Helper()
	h := &helm{bed: start(t), cfg: action.NewConfiguration()}
	settings := cli.New()
	settings.KubeConfig = filepath.Join(t.TempDir(), "kubeconfig")
	settings.SetNamespace(chart.Release)
	require.NoError(t, cluster.WriteKubeconfig(settings.KubeConfig, h.config))
	require.NoError(t, h.cfg.Init(settings.RESTClientGetter(), chart.Release, "secret"))
	return h
}

func (h *helm) install(t *testing.T, c *chartv2.Chart, values chart.Values) {
	t.Helper()
	i := action.NewInstall(h.cfg)
	i.ReleaseName, i.Namespace, i.CreateNamespace, i.WaitStrategy = chart.Release, chart.Release, true, kube.HookOnlyStrategy
	_, err := i.RunWithContext(t.Context(), c, values)
	require.NoError(t, err)
}

func (h *helm) upgrade(t *testing.T, c *chartv2.Chart, values chart.Values) {
	t.Helper()
	u := action.NewUpgrade(h.cfg)
	u.Namespace, u.WaitStrategy, u.ResetValues, u.MaxHistory = chart.Release, kube.HookOnlyStrategy, true, 2
	u.ServerSideApply, u.Timeout = "auto", time.Minute
	_, err := u.RunWithContext(t.Context(), chart.Release, c, values)
	require.NoError(t, err)
}

// uninstall deletes the release. Nothing runs Jobs here, and so none is made.
func (h *helm) uninstall(t *testing.T) {
	t.Helper()
	u := action.NewUninstall(h.cfg)
	u.WaitStrategy, u.DisableHooks, u.Timeout = kube.HookOnlyStrategy, true, time.Minute
	_, err := u.Run(chart.Release)
	require.NoError(t, err)
}

func load(t *testing.T, dir string) *chartv2.Chart {
	t.Helper()
	c, err := loader.LoadDir(dir)
	require.NoError(t, err)
	return c
}

// values are those that nobody can do without, and more.
func values(more chart.Values) chart.Values {
	all := chart.Values{"config": chart.Values{
		"tencentCloud": chart.Values{"region": "ap-guangzhou", "vpc": "vpc-abc123"},
		"registries":   []any{chart.Values{"instance": "tcr-m3ut3qxx"}},
	}}
	for k, v := range more {
		if inner, is := v.(chart.Values); is && k == "config" {
			maps.Copy(all["config"].(chart.Values), inner) //nolint:forcetypeassert // made above
			continue
		}
		all[k] = v
	}
	return all
}

// foreign are kinds of others that the chart can make use of.
var foreign = []schema.GroupVersionKind{
	{Group: "cert-manager.io", Version: "v1", Kind: "Issuer"},
	{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"},
	{Group: "monitoring.coreos.com", Version: "v1", Kind: "PodMonitor"},
	{Group: "monitoring.coreos.com", Version: "v1", Kind: "ServiceMonitor"},
	{Group: "monitoring.coreos.com", Version: "v1", Kind: "PrometheusRule"},
}

// define makes the API server know the foreign kinds, whatever is in them.
func (b *bed) define(t *testing.T) {
	t.Helper()
	for _, k := range foreign {
		plural := strings.ToLower(k.Kind) + "s"
		u := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": apiextensionsv1.SchemeGroupVersion.String(), "kind": "CustomResourceDefinition",
			"metadata": map[string]any{"name": plural + "." + k.Group},
			"spec": map[string]any{
				"group": k.Group, "scope": "Namespaced",
				"names": map[string]any{"kind": k.Kind, "plural": plural, "singular": strings.ToLower(k.Kind)},
				"versions": []any{map[string]any{
					"name": k.Version, "served": true, "storage": true,
					"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
				}},
			},
		}}
		require.NoError(t, b.Create(t.Context(), u))
		eventually(t, "kind "+k.Kind+" to be served", func() bool {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(k)
			return b.List(t.Context(), list) == nil
		})
	}
}

// kinds are all that the chart may make.
var kinds = append([]schema.GroupVersionKind{
	{Version: "v1", Kind: "ServiceAccount"}, {Version: "v1", Kind: "ConfigMap"}, {Version: "v1", Kind: "Service"}, {Version: "v1", Kind: "Secret"},
	{Group: "apps", Version: "v1", Kind: "Deployment"}, {Group: "apps", Version: "v1", Kind: "DaemonSet"}, {Group: "batch", Version: "v1", Kind: "Job"},
	{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"}, {Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "Role"}, {Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole"}, {Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRoleBinding"},
	{Group: "flowcontrol.apiserver.k8s.io", Version: "v1", Kind: "FlowSchema"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingWebhookConfiguration"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingWebhookConfiguration"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicy"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingAdmissionPolicyBinding"},
}, foreign...)

// live are the objects of the release, as Kind/name.
func (b *bed) live(t *testing.T) (all []string) {
	t.Helper()
	for _, k := range kinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(k)
		require.NoError(t, b.List(t.Context(), list, client.MatchingLabels{"app.kubernetes.io/instance": chart.Release}))
		for _, o := range list.Items {
			all = append(all, k.Kind+"/"+o.GetName())
		}
	}
	slices.Sort(all)
	return all
}

// rendered are those that the chart renders.
func rendered(t *testing.T, values chart.Values) (all []string) {
	t.Helper()
	r, err := chart.RenderWith(chart.Options{Values: values, APIVersions: []string{"cert-manager.io/v1", "monitoring.coreos.com/v1"}})
	require.NoError(t, err)
	objects, err := chart.Objects(r.Manifests...)
	require.NoError(t, err)
	for _, o := range objects {
		all = append(all, o.GetKind()+"/"+o.GetName())
	}
	slices.Sort(all)
	return all
}

// whole asserts that what is live is what values render, no more, and that every
// entry of the registrations has the caBundle it was given.
func (h *helm) whole(t *testing.T, values chart.Values, when string) {
	t.Helper()
	assert.Equal(t, rendered(t, values), h.live(t), when)
	r, err := chart.RenderWith(chart.Options{Values: values, APIVersions: []string{"cert-manager.io/v1"}})
	require.NoError(t, err)
	objects, err := chart.Objects(r.Manifests...)
	require.NoError(t, err)
	want := map[string][]string{}
	for _, o := range objects {
		hooks, _, _ := unstructured.NestedSlice(o.Object, "webhooks")
		for _, hook := range hooks {
			name, _ := hook.(map[string]any)["name"].(string)
			want[o.GetKind()+o.GetName()] = append(want[o.GetKind()+o.GetName()], name)
		}
	}
	for _, r := range registrations(t, h) {
		kind := "ValidatingWebhookConfiguration"
		if strings.Contains(strings.Join(r.entries, " "), "every-pod") {
			kind = "MutatingWebhookConfiguration"
		}
		assert.Equal(t, want[kind+r.String()], r.entries, "%s: a stub, or an entry that is gone", when)
		for i, bundle := range r.bundles {
			assert.Equal(t, "ca", bundle, "%s: caBundle of %s in %s", when, r.entries[i], r)
		}
	}
}

// features are what can be switched on, by a sentence.
var features = []struct {
	name   string
	values chart.Values
}{
	{"every pod", chart.Values{"inject": "Always"}},
	{"an allow-list that warns", chart.Values{"config": policy("Warn")}},
	{"an allow-list that enforces", chart.Values{"config": policy("Enforce")}},
	{"cert-manager", chart.Values{"certs": chart.Values{"mode": "cert-manager"}}},
	{"a certificate of somebody's own", chart.Values{"certs": chart.Values{"mode": "provided"}}},
	{"no admission policies", chart.Values{"admissionPolicies": chart.Values{"enabled": false, "guardCABundle": false}}},
	{"the node agent", chart.Values{"nodeAgent": chart.Values{"enabled": true}, "config": chart.Values{"nodeAgent": chart.Values{"enabled": true}}}},
	{"egress", chart.Values{"networkPolicy": chart.Values{"egress": chart.Values{"enabled": true}}}},
	{"no network policy", chart.Values{"networkPolicy": chart.Values{"enabled": false}}},
	{"no flow schema", chart.Values{"flowSchema": chart.Values{"enabled": false}}},
	{"no disruption budget", chart.Values{"podDisruptionBudget": chart.Values{"enabled": false}}},
	{"service accounts", chart.Values{"config": chart.Values{"pullSecret": chart.Values{"serviceAccounts": "OnRequest"}}}},
	{"another name of pull Secrets", chart.Values{"config": chart.Values{"pullSecret": chart.Values{"name": "registry-login"}}}},
	{"monitors", chart.Values{"metrics": chart.Values{
		"podMonitor": chart.Values{"enabled": true}, "serviceMonitor": chart.Values{"enabled": true},
		"prometheusRule": chart.Values{"enabled": true, "policy": true, "apiServer": true}, "dashboard": chart.Values{"enabled": true},
	}}},
	{"the node's network", chart.Values{"hostNetwork": true, "securePort": 9444}},
	{"a fixed login", chart.Values{"config": chart.Values{"registries": []any{
		chart.Values{"instance": "tcr-m3ut3qxx", "credentials": "team-a"},
		chart.Values{"name": "personal", "hosts": []any{"ccr.ccs.tencentyun.com"}, "credentialSecret": "ccr-login"},
	}}}},
	{"a ConfigMap of somebody's own", chart.Values{"existingConfigMap": "mine"}},
	{"a ServiceAccount of somebody's own", chart.Values{"serviceAccount": chart.Values{"create": false, "name": "mine"}}},
	{"other names", chart.Values{"fullnameOverride": "pull"}},
	{"custom domains and system namespaces", chart.Values{"hosts": []any{"r.example.com"}, "extraSystemNamespaces": []any{"velero", "mesh-*"}}},
	{"nothing blocks", chart.Values{"webhooks": chart.Values{
		"failurePolicy": "Ignore", "timeoutSeconds": 5,
		"matchConditions":   []any{chart.Values{"name": "more", "expression": "object.metadata.name != 'x'"}},
		"namespaceSelector": chart.Values{"matchLabels": chart.Values{"served": "yes"}}, "objectSelector": chart.Values{"matchExpressions": []any{chart.Values{"key": "a", "operator": "Exists"}}},
	}}},
	{"labels and annotations", chart.Values{"commonLabels": chart.Values{"team": "a"}, "commonAnnotations": chart.Values{"b": "c"}, "podLabels": chart.Values{"d": "e"}, "podAnnotations": chart.Values{"f": "g"}}},
}

func policy(action string) chart.Values {
	return chart.Values{"policy": chart.Values{"rules": []any{chart.Values{"name": "ours", "allow": []any{"tcr-m3ut3qxx"}, "action": action}}}}
}

// Each upgrade switches one feature on and the one before off. The server's own
// writes, the caBundles, lie between them, and none is lost.
func TestUpgradesSwitchFeatures(t *testing.T) {
	t.Parallel()
	h := startHelm(t)
	h.define(t)
	c := load(t, chart.Dir())
	h.install(t, c, values(nil))
	fill(t, h.as(t, ours))
	h.whole(t, values(nil), "installed")
	for _, f := range features {
		h.upgrade(t, c, values(f.values))
		h.whole(t, values(f.values), f.name)
	}
	h.upgrade(t, c, values(nil))
	h.whole(t, values(nil), "all off")
	h.uninstall(t)
	assert.Empty(t, h.live(t), "left behind")
}

// testdata/previous is the chart as it was in its version before.
func TestUpgradeFromTheVersionBefore(t *testing.T) {
	t.Parallel()
	h := startHelm(t)
	h.define(t)
	h.install(t, load(t, filepath.Join("testdata", "previous")), values(nil))
	fill(t, h.as(t, ours))
	before := generations(t, h)
	h.upgrade(t, load(t, chart.Dir()), values(nil))
	h.whole(t, values(nil), "upgraded")
	require.NotEqual(t, before, generations(t, h), "the upgrade changed nothing, and so tried nothing")
	h.upgrade(t, load(t, filepath.Join("testdata", "previous")), values(nil))
	for _, r := range registrations(t, h) {
		assert.NotContains(t, r.bundles, "", "back again: %s", r)
	}
}

// generations are the resource versions of what is installed.
func generations(t *testing.T, h *helm) (all []string) {
	t.Helper()
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"})
	require.NoError(t, h.List(t.Context(), list, client.InNamespace(chart.Release)))
	for i := range list.Items {
		all = append(all, list.Items[i].ResourceVersion)
	}
	return all
}

// The hook cannot run here, as where its image cannot be pulled: Helm says so, and
// the release is gone all the same.
func TestTheHookBlocksNoUninstall(t *testing.T) {
	t.Parallel()
	h := startHelm(t)
	h.define(t)
	h.install(t, load(t, chart.Dir()), values(nil))
	u := action.NewUninstall(h.cfg)
	u.WaitStrategy, u.Timeout = kube.HookOnlyStrategy, 5*time.Second
	_, err := u.Run(chart.Release)
	require.ErrorContains(t, err, "uninstallation completed with 1 error(s)")
	_, err = h.cfg.Releases.History(chart.Release)
	assert.ErrorIs(t, err, driver.ErrReleaseNotFound)
	assert.Empty(t, registrations(t, h))
	assert.Equal(t, []string{"Job/tcr-webhook-uninstall"}, h.live(t), "left behind: but the Job, for its log")
}
