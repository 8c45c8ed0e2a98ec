package chart

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// find reads one rendered object, given as Kind/name; hooks are looked at, too.
func find[T any](t *testing.T, o Options, id string) *T {
	t.Helper()
	r, err := RenderWith(o)
	require.NoError(t, err)
	objects, err := Objects(slices.Concat(r.Manifests, r.Hooks)...)
	require.NoError(t, err)
	for _, u := range objects {
		if u.GetKind()+"/"+u.GetName() == id {
			into := new(T)
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, into, true))
			return into
		}
	}
	require.Failf(t, "not rendered", "%s is not among %v", id, names(objects))
	return nil
}

// rules are those of a role, as "verbs of group/resources name,name".
func rules(list []rbacv1.PolicyRule) (all []string) {
	for _, r := range list {
		all = append(all, strings.TrimSpace(strings.Join(r.Verbs, ",")+" of "+strings.Join(r.APIGroups, ",")+"/"+strings.Join(r.Resources, ",")+" "+strings.Join(r.ResourceNames, ",")))
	}
	return all
}

// Rights come and go with what needs them.
func TestRightsFollowFeatures(t *testing.T) {
	t.Parallel()
	const (
		pull       = "get,list,watch,create,patch,delete of /secrets tcr-pull"
		fill       = "list,watch,patch of admissionregistration.k8s.io/validatingwebhookconfigurations zz-tcr-webhook,zz-tcr-webhook-policy"
		look       = "list,watch of admissionregistration.k8s.io/validatingwebhookconfigurations zz-tcr-webhook,zz-tcr-webhook-policy"
		addon      = "get of /configmaps updater-config"
		authority  = "get,list,watch,create,patch of /secrets tcr-webhook-ca"
		issuance   = "get of cert-manager.io/certificates tcr-webhook"
		hosts      = "get,patch,create of /configmaps tcr-webhook-hosts"
		emptied    = "get,patch of /configmaps tcr-webhook-hosts"
		fixedLogin = "get of /secrets ccr-login,robot"
	)
	fixed := at("config.registries", []any{
		Values{"name": "robot", "hosts": []any{"r.example.com"}, "credentialSecret": "robot"},
		Values{"name": "personal", "hosts": []any{"ccr.ccs.tencentyun.com"}, "credentialSecret": "ccr-login"},
		Values{"name": "personal", "hosts": []any{"ccr.ccs.tencentyun.com"}, "credentialSecret": "ccr-login"},
	})
	for name, tt := range map[string]struct {
		values            Values
		cluster, own      []string
		notCluster, notIn []string
	}{
		"by default":           {nil, []string{pull, fill, addon}, []string{authority, emptied}, []string{look}, []string{issuance, hosts}},
		"cert-manager":         {certManager(), []string{look}, []string{issuance}, []string{fill}, []string{authority}},
		"provided":             {at("certs.mode", "provided"), []string{fill}, nil, nil, []string{authority, issuance}},
		"no look at the addon": {at("detectAddon", false), nil, nil, []string{addon}, nil},
		"another name": {
			at("config.pullSecret.name", "login"), []string{strings.ReplaceAll(pull, "tcr-pull", "login")}, nil, []string{pull}, nil,
		},
		"fixed logins":   {fixed, nil, []string{fixedLogin}, nil, nil},
		"the node agent": {at("nodeAgent.enabled", true), nil, []string{hosts}, nil, []string{emptied}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{Values: minimal(tt.values)}
			cluster, own := rules(find[rbacv1.ClusterRole](t, o, "ClusterRole/tcr-webhook").Rules), rules(find[rbacv1.Role](t, o, "Role/tcr-webhook").Rules)
			assert.Subset(t, cluster, tt.cluster)
			assert.Subset(t, own, tt.own)
			for _, r := range tt.notCluster {
				assert.NotContains(t, cluster, r)
			}
			for _, r := range tt.notIn {
				assert.NotContains(t, own, r)
			}
			for _, r := range append(cluster, own...) {
				assert.NotContains(t, r, "*")
				if strings.Contains(r, "/secrets") {
					assert.Regexp(t, `/secrets [a-z]`, r, "a right on Secrets of any name")
				}
			}
		})
	}
	onRequest := find[rbacv1.ClusterRole](t, Options{Values: minimal(at("config.pullSecret.serviceAccounts", "OnRequest"))}, "ClusterRole/tcr-webhook-service-accounts")
	assert.Equal(t, []string{"get,patch of /serviceaccounts"}, rules(onRequest.Rules))
	without, err := Render(minimal(at("rbac.create", false)))
	require.NoError(t, err)
	for _, name := range names(without) {
		assert.NotContains(t, name, "Role")
	}
}

// served is the pattern of images that are ours, and public that of those under
// it which are not.
func patterns(t *testing.T, values Values) (served, public *regexp.Regexp) {
	t.Helper()
	c := find[admissionregistrationv1.MutatingWebhookConfiguration](t, Options{Values: minimal(values)}, "MutatingWebhookConfiguration/zz-tcr-webhook")
	found := regexp.MustCompile(`matches\('([^']+)'\)`).FindAllStringSubmatch(c.Webhooks[0].MatchConditions[0].Expression, -1)
	require.Len(t, found, 2*4, "both, for every list that has images")
	for _, f := range found {
		require.Contains(t, []string{found[0][1], found[1][1]}, f[1])
	}
	return regexp.MustCompile(found[0][1]), regexp.MustCompile(found[1][1])
}

func TestWhichImagesAreServed(t *testing.T) {
	t.Parallel()
	entries := at("config.registries", []any{
		Values{"instance": "tcr-m3ut3qxx", "hosts": Values{"public": "demo.tencentcloudcr.com", "private": "demo-vpc.tencentcloudcr.com", "custom": []any{"r.example.com"}}},
		Values{"name": "personal", "hosts": []any{"ccr.ccs.tencentyun.com", "hkccr.ccs.tencentyun.com"}, "credentialSecret": "ccr-login"},
	})
	merge(entries, at("hosts", []any{"s.example.com"}))
	served, public := patterns(t, entries)
	for image, want := range map[string]bool{
		"demo.tencentcloudcr.com/team/app:1": true, "demo-vpc.tencentcloudcr.com:443/team/app": true,
		"r.example.com/app": true, "R.Example.com/app": true, "s.example.com:443/app": true, "ccr.ccs.tencentyun.com/team/app": true, "hkccr.ccs.tencentyun.com/team/app": true,
		"ccr.ccs.tencentyun.com/tkeimages/pause": false, "hkccr.ccs.tencentyun.com:443/library/coredns": false, "ccr.ccs.tencentyun.com/tkeimages-of-mine/app": true,
		"quay.tencentcloudcr.com/app": false, "Quay.TencentCloudCR.com/app": false, "superedge.tencentcloudcr.com/app": false,
		"rxexample.com/app": false, "r.example.com.evil.io/app": false, "evil.io/r.example.com/app": false, "r.example.com:5000/app": false, "nginx": false,
	} {
		assert.Equal(t, want, served.MatchString(image) && !public.MatchString(image), image)
	}
	served, _ = patterns(t, nil)
	assert.Equal(t, `(?i)^[^/]+[.]tencentcloudcr[.]com(:443)?/`, served.String(), "what nothing adds to")
}

// entryOf is one entry of the registrations.
func entryOf(t *testing.T, values Values, registration, entry string) admissionregistrationv1.ValidatingWebhook {
	t.Helper()
	c := find[admissionregistrationv1.ValidatingWebhookConfiguration](t, Options{Values: minimal(values)}, "ValidatingWebhookConfiguration/"+registration)
	for _, w := range c.Webhooks {
		if w.Name == entry {
			return w
		}
	}
	require.Fail(t, "no entry "+entry)
	return admissionregistrationv1.ValidatingWebhook{}
}

// The registration of the allow-list goes by the strictest rule.
func TestPolicyRegistration(t *testing.T) {
	t.Parallel()
	rulesOf := func(actions ...string) Values {
		var list []any
		for _, a := range actions {
			rule := Values{"name": "r" + a}
			if a != "" {
				rule["action"] = a
			}
			list = append(list, rule)
		}
		return at("config.policy.rules", list)
	}
	for name, tt := range map[string]struct {
		values Values
		asked  bool
		policy admissionregistrationv1.FailurePolicyType
	}{
		"no allow-list":        {nil, false, "Ignore"},
		"no policy at all":     {at("config.policy", nil), false, "Ignore"},
		"audit by default":     {rulesOf(""), true, "Ignore"},
		"warn":                 {rulesOf("Audit", "Warn"), true, "Ignore"},
		"one that enforces":    {rulesOf("Audit", "Enforce", "Warn"), true, "Fail"},
		"said to be absent":    {Values{"policyRegistration": "Absent", "config": rulesOf("Enforce")["config"]}, false, "Ignore"},
		"said to fail":         {at("policyRegistration", "Fail"), true, "Fail"},
		"said to be for trial": {at("policyRegistration", "Ignore"), true, "Ignore"},
	} {
		pods := entryOf(t, tt.values, "zz-tcr-webhook-policy", "policy.tcr-webhook.io")
		workloads := entryOf(t, tt.values, "zz-tcr-webhook-policy", "policy-workloads.tcr-webhook.io")
		assert.Equal(t, tt.asked, len(pods.Rules) > 0, name)
		assert.Equal(t, tt.asked, len(workloads.Rules) > 0, name)
		assert.Equal(t, tt.policy, *pods.FailurePolicy, name)
		assert.EqualValues(t, "Ignore", *workloads.FailurePolicy, name)
	}
}

// The chart never has a say in caBundles: the server fills them in, or cert-manager
// where it is told to.
func TestNoCABundleIsRendered(t *testing.T) {
	t.Parallel()
	for told, mode := range map[int]Values{0: at("certs.mode", "provided"), 3: certManager()} {
		text := all(minimal(mode))
		assert.NotContains(t, text, "caBundle:")
		assert.Equal(t, told, strings.Count(text, "cert-manager.io/inject-ca-from: tcr-webhook/tcr-webhook"))
		assert.Equal(t, told > 0, strings.Contains(text, "kind: Certificate\n"))
	}
}

// An authority stands between the certificate and what signs itself, unless somebody
// names an issuer.
func TestIssuers(t *testing.T) {
	t.Parallel()
	made := func(values Values) (list []string) {
		objects, err := Render(minimal(values))
		require.NoError(t, err)
		for _, o := range objects {
			if o.GetAPIVersion() == "cert-manager.io/v1" {
				issuer, _, _ := unstructured.NestedString(o.Object, "spec", "issuerRef", "name")
				list = append(list, strings.TrimSpace(o.GetKind()+"/"+o.GetName()+" "+issuer))
			}
		}
		return list
	}
	assert.ElementsMatch(t, []string{
		"Issuer/tcr-webhook-selfsigned", "Certificate/tcr-webhook-ca tcr-webhook-selfsigned", "Issuer/tcr-webhook", "Certificate/tcr-webhook tcr-webhook",
	}, made(certManager()))
	named := certManager()
	merge(named, at("certs.certManager.issuerRef", Values{"name": "corporate", "kind": "ClusterIssuer"}))
	assert.Equal(t, []string{"Certificate/tcr-webhook corporate"}, made(named))
	assert.Empty(t, made(nil))
}

// Every pod obeys what is said of images, and of pods at large.
func TestAllPods(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0", 64)
	values := minimal(
		at("global", Values{"imageRegistry": "mirror.example.com:5000", "imagePullSecrets": []any{"mirror", Values{"name": "second"}}}),
		Values{"image": Values{"registry": "ignored.example.com", "repository": "tools/tcr", "tag": "ignored", "digest": digest}, "imagePullSecrets": []any{"mirror"}},
		at("nodeAgent.enabled", true), at("podLabels", Values{"l": "x"}), at("commonAnnotations", Values{"a": "x"}),
	)
	o := Options{Values: values}
	templates := map[string]corev1.PodTemplateSpec{
		"server":     find[appsv1.Deployment](t, o, "Deployment/tcr-webhook").Spec.Template,
		"node agent": find[appsv1.DaemonSet](t, o, "DaemonSet/tcr-webhook-hosts").Spec.Template,
		"uninstall":  find[batchv1.Job](t, o, "Job/tcr-webhook-uninstall").Spec.Template,
	}
	for name, p := range templates {
		require.Len(t, p.Spec.Containers, 1)
		c := p.Spec.Containers[0]
		assert.Equal(t, "mirror.example.com:5000/tools/tcr@"+digest, c.Image, name)
		assert.Equal(t, []corev1.LocalObjectReference{{Name: "mirror"}, {Name: "second"}}, p.Spec.ImagePullSecrets, name)
		assert.Equal(t, "x", p.Labels["l"], name)
		assert.Equal(t, "x", p.Annotations["a"], name)
		assert.NotContains(t, p.Labels, "helm.sh/chart", "%s: restarts for a new chart alone", name)
		assert.False(t, *c.SecurityContext.AllowPrivilegeEscalation, name)
		assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, name)
		assert.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, name)
		assert.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, p.Spec.SecurityContext.SeccompProfile.Type, name)
		assert.NotContains(t, c.Resources.Limits, corev1.ResourceCPU, name)
		assert.Contains(t, c.Resources.Limits, corev1.ResourceMemory, name)
		assert.False(t, *p.Spec.EnableServiceLinks, name)
		if name != "node agent" {
			assert.True(t, *p.Spec.SecurityContext.RunAsNonRoot, name)
		}
	}
	server := find[appsv1.Deployment](t, o, "Deployment/tcr-webhook")
	for name, p := range templates {
		for key, value := range server.Spec.Selector.MatchLabels {
			if name != "server" && key == "app.kubernetes.io/component" {
				assert.NotEqual(t, value, p.Labels[key], "%s is selected as a server", name)
			}
		}
	}
}

// The configuration is read again whenever it changes, but for the name of the
// pull Secrets: nothing else of it restarts the pods.
func TestWhatRestartsTheServer(t *testing.T) {
	t.Parallel()
	template := func(values Values) corev1.PodTemplateSpec {
		return find[appsv1.Deployment](t, Options{Values: minimal(values)}, "Deployment/tcr-webhook").Spec.Template
	}
	before := template(nil)
	for _, path := range []string{"config.tencentCloud.vpc", "config.policy.rules", "config.pullSecret.missing", "config.firstPodGrace", "hosts", "inject", "metrics.podMonitor.enabled"} {
		assert.Empty(t, cmp.Diff(before, template(clone(at(path, tries[path].value)))), path)
	}
	assert.NotEmpty(t, cmp.Diff(before, template(at("config.pullSecret.name", "login"))))
}

// Keys of entries are mounted in folders of their own.
func TestCredentialFolders(t *testing.T) {
	t.Parallel()
	values := minimal(at("config.registries", []any{
		Values{"instance": "tcr-m3ut3qxx", "credentials": "team-b"}, Values{"instance": "tcr-other123", "credentials": "team-a"}, Values{"instance": "tcr-third123", "credentials": "team-b"},
	}))
	volumes := find[appsv1.Deployment](t, Options{Values: values}, "Deployment/tcr-webhook").Spec.Template.Spec.Volumes
	i := slices.IndexFunc(volumes, func(v corev1.Volume) bool { return v.Name == "credentials" })
	var sources []string
	for _, s := range volumes[i].Projected.Sources {
		text := s.Secret.Name
		for _, item := range s.Secret.Items {
			text += " " + item.Key + "=" + item.Path
		}
		sources = append(sources, text)
		assert.True(t, *s.Secret.Optional)
	}
	assert.Equal(t, []string{
		"tcr-webhook-credentials",
		"tcr-webhook-credentials-team-a secretId=team-a/secretId secretKey=team-a/secretKey",
		"tcr-webhook-credentials-team-b secretId=team-b/secretId secretKey=team-b/secretKey",
	}, sources)
}

// Names that YAML would read as something else stay names.
func TestNamesThatLookLikeNumbers(t *testing.T) {
	t.Parallel()
	o := Options{Values: minimal(
		at("config.pullSecret.name", "123"), at("certs", Values{"mode": "provided", "secretName": "1e3"}), at("credentials.secretName", "0"),
		Values{"existingConfigMap": "null", "extraSystemNamespaces": []any{"1234", "true"}},
	)}
	assert.Equal(t, []string{"123"}, find[rbacv1.ClusterRole](t, o, "ClusterRole/tcr-webhook").Rules[2].ResourceNames)
	volumes := find[appsv1.Deployment](t, o, "Deployment/tcr-webhook").Spec.Template.Spec.Volumes
	assert.Equal(t, []string{"null", "0", "1e3"}, []string{volumes[0].ConfigMap.Name, volumes[1].Secret.SecretName, volumes[2].Secret.SecretName})
	c := find[admissionregistrationv1.MutatingWebhookConfiguration](t, o, "MutatingWebhookConfiguration/zz-tcr-webhook")
	assert.Subset(t, c.Webhooks[0].NamespaceSelector.MatchExpressions[1].Values, []string{"1234", "true"})
	find[rbacv1.ClusterRole](t, o, "ClusterRole/tcr-webhook-uninstall")
}

func TestOtherNames(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]string{"tcr-webhook": "tcr-webhook", "prod": "prod-tcr-webhook", "my-tcr-webhook": "my-tcr-webhook"} {
		o := Options{Values: minimal(), Release: release, Namespace: "registry"}
		d := find[appsv1.Deployment](t, o, "Deployment/"+want)
		assert.Equal(t, "registry", d.Namespace)
		assert.Contains(t, d.Spec.Template.Spec.Containers[0].Args, "--service="+want)
		c := find[admissionregistrationv1.MutatingWebhookConfiguration](t, o, "MutatingWebhookConfiguration/zz-tcr-webhook")
		service := c.Webhooks[0].ClientConfig.Service
		assert.Equal(t, []string{want, "registry"}, []string{service.Name, service.Namespace})
		for _, e := range c.Webhooks[0].NamespaceSelector.MatchExpressions {
			assert.NotContains(t, e.Values, "tcr-webhook", "the namespace of another installation")
		}
		job := find[batchv1.Job](t, o, "Job/"+want+"-uninstall")
		assert.Contains(t, job.Spec.Template.Spec.Containers[0].Args, "--deployment="+want)
		assert.Contains(t, job.Spec.Template.Spec.Containers[0].Args, "--namespace=registry")
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	notes := func(values ...Values) string {
		r, err := RenderWith(Options{Values: minimal(values...)})
		require.NoError(t, err)
		return strings.TrimSpace(r.Notes)
	}
	assert.Len(t, strings.Split(notes(), "\n"), 2)
	assert.NotContains(t, notes(), "WARNING")
	for want, values := range map[string]Values{
		"one replica":             at("replicaCount", 1),
		"identity SecretKey":      at("config.tencentCloud.identity", "SecretKey"),
		"the allow-list enforces": {"policyRegistration": "Fail", "webhooks": Values{"failurePolicy": "Ignore"}},
		"podMonitor is left out":  at("metrics.podMonitor.enabled", true),
		"enforce=privileged":      at("nodeAgent.enabled", true),
	} {
		assert.Contains(t, notes(values), want)
	}
	worst := notes(at("replicaCount", 1), at("config.tencentCloud.identity", "SecretKey"), at("nodeAgent.enabled", true), at("policyRegistration", "Fail"), at("webhooks.failurePolicy", "Ignore"),
		Values{"metrics": Values{"podMonitor": Values{"enabled": true}, "serviceMonitor": Values{"enabled": true}, "prometheusRule": Values{"enabled": true}}})
	assert.LessOrEqual(t, len(strings.Split(worst, "\n")), 15)
}

// Two renderings are one: nothing is random, and nothing asks a cluster.
func TestRenderingIsDeterministic(t *testing.T) {
	t.Parallel()
	first := all(minimal())
	for range 3 {
		assert.Equal(t, first, all(minimal()))
	}
}
