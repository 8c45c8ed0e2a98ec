package plugin

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// imagePullSecretsCRD is the add-on's, as far as anybody here looks at it.
const imagePullSecretsCRD = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: imagepullsecrets.tcr.tencentcloudcr.com}
spec:
  group: tcr.tencentcloudcr.com
  scope: Cluster
  names: {kind: ImagePullSecret, plural: imagepullsecrets, shortNames: [ips]}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

const migrateConfig = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, vpc: vpc-abc123}
registries:
- instance: tcr-m3ut3qxx
  hosts: {public: demo.tencentcloudcr.com, private: demo-vpc.tencentcloudcr.com}
`

// The whole way from the add-on, in a cluster that looks as it leaves it: each
// run does what it may, and no more.
func TestMigrateFromTheAddon(t *testing.T) { //nolint:paralleltest // audit counts all that runs in the cluster
	c := newClient(t, nil)
	marker := "hdr." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":2079000000,"access":"M4RK3R"}`)) + ".M4RK3R"
	createNamespace(t, c, "migrate-a")
	createNamespace(t, c, "migrate-b")
	createNamespace(t, c, "tcr-assistant-system")
	createNamespace(t, c, "migrate-own")
	apply(t, c, imagePullSecretsCRD)
	login := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "tcr.tencentcloudcr.com/v1", "kind": "ImagePullSecret", "metadata": map[string]any{"name": "tcr-m3ut3qxx-public"},
		"spec": map[string]any{"docker": map[string]any{"server": "demo.tencentcloudcr.com", "username": "100000000001", "password": marker}},
	}}
	require.Eventually(t, func() bool { return c.Create(t.Context(), login.DeepCopy()) == nil }, 20*time.Second, 50*time.Millisecond, "the CRD is served")
	for _, ns := range []string{"migrate-a", "migrate-b"} {
		made(t, c, addonSecret(ns, marker))
		made(t, c, &corev1.ServiceAccount{
			ObjectMeta:       metav1.ObjectMeta{Namespace: ns, Name: "builder"},
			ImagePullSecrets: []corev1.LocalObjectReference{{Name: "mine"}, {Name: "tcr.ipstcr-m3ut3qxx-public"}},
		})
	}
	hosts := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "tcr-assistant-system", Name: "hosts-updater"}}
	hosts.Spec = daemonSetSpec()
	made(t, c, hosts)
	hosts.Status.DesiredNumberScheduled = 3
	require.NoError(t, c.Status().Update(t.Context(), hosts))
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "migrate-a", Name: "web"}, Spec: deploymentSpec("tcr.ipstcr-m3ut3qxx-public")}
	made(t, c, web)
	older := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "migrate-b", Name: "older"}, Spec: template("tcr.ipstcr-m3ut3qxx-public").Spec}
	made(t, c, older)

	plan := migrate(t, marker, 1)
	assert.Equal(t, []string{"Manual", "Waiting", "Manual", "Waiting", "Waiting", "Waiting", "Waiting", "Manual"}, plan.states(), "without a configuration of ours")

	made(t, c, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "migrate-own", Name: "tcr-webhook-config"}, Data: map[string]string{"config.yaml": migrateConfig}})
	plan = migrate(t, marker, 1)
	assert.Equal(t, []string{"Done", "Ready", "Manual", "Waiting", "Waiting", "Waiting", "Waiting", "Manual"}, plan.states())
	assert.Equal(t, []string{"migrate-a/deployment/web names tcr.ipstcr-m3ut3qxx-public"}, plan.Steps[2].About)

	migrate(t, marker, 1, "--apply")
	for _, ns := range []string{"migrate-a", "migrate-b"} {
		var n corev1.Namespace
		require.NoError(t, c.Get(t.Context(), client.ObjectKey{Name: ns}, &n))
		assert.Equal(t, "tcr-m3ut3qxx", n.Annotations["tcr-webhook.io/deliver"])
		assert.Equal(t, []string{"mine", "tcr.ipstcr-m3ut3qxx-public"}, accountSecrets(t, c, ns), "its turn has not come")
		made(t, c, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "tcr-pull"}}) // as the server would
	}
	require.NoError(t, c.Delete(t.Context(), web))
	assert.Equal(t, []string{"migrate-b/pod/older"}, migrate(t, marker, 1).Steps[3].About)
	require.NoError(t, c.Delete(t.Context(), older, client.GracePeriodSeconds(0)))
	plan = migrate(t, marker, 1)
	assert.Equal(t, []string{"Done", "Done", "Done", "Done", "Manual", "Waiting", "Waiting", "Manual"}, plan.states())

	require.NoError(t, c.Delete(t.Context(), login)) // the add-on is uninstalled
	require.NoError(t, c.Delete(t.Context(), hosts))
	migrate(t, marker, 1, "--apply", "--delete-secrets")
	for _, ns := range []string{"migrate-a", "migrate-b"} {
		assert.Equal(t, []string{"mine"}, accountSecrets(t, c, ns))
		assert.NoError(t, c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "tcr.ipstcr-m3ut3qxx-public"}, &corev1.Secret{}), "a step waits for the run after the one before it")
	}
	plan = migrate(t, marker, 0, "--apply", "--delete-secrets")
	assert.Empty(t, plan.Steps)
	for _, ns := range []string{"migrate-a", "migrate-b"} {
		assert.Error(t, c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "tcr.ipstcr-m3ut3qxx-public"}, &corev1.Secret{}))
		assert.NoError(t, c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "tcr-pull"}, &corev1.Secret{}), "ours is nobody's to take")
	}
}

type plan struct {
	Steps []struct {
		State string   `json:"state"`
		About []string `json:"about"`
	} `json:"steps"`
}

func (p plan) states() (all []string) {
	for _, s := range p.Steps {
		all = append(all, s.State)
	}
	return all
}

// migrate runs the command, and looks for the token in what it says.
func migrate(t *testing.T, marker string, want int, more ...string) (p plan) {
	t.Helper()
	run := func(format string) ended {
		e := kubectlTCR(t, append([]string{"migrate", "--from=tcr-addon", "--install-namespace=migrate-own", "-o", format}, more...)...)
		require.Equal(t, want, e.code, "%s%s", e.stdout, e.stderr)
		assert.NotContains(t, e.stdout+e.stderr, "M4RK3R")
		assert.NotContains(t, e.stdout+e.stderr, marker)
		return e
	}
	if len(more) == 0 { // or a second run would go a step further
		run("table")
	}
	require.NoError(t, json.Unmarshal([]byte(run("json").stdout), &p))
	return p
}

func addonSecret(namespace, token string) *corev1.Secret {
	login := `{"auths":{"demo.tencentcloudcr.com":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("100000000001:"+token)) + `"}}}`
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tcr.ipstcr-m3ut3qxx-public"},
		Type:       corev1.SecretTypeDockerConfigJson, StringData: map[string]string{corev1.DockerConfigJsonKey: login},
	}
}

func accountSecrets(t *testing.T, c client.Client, namespace string) (names []string) {
	t.Helper()
	var a corev1.ServiceAccount
	require.NoError(t, c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "builder"}, &a))
	for _, s := range a.ImagePullSecrets {
		names = append(names, s.Name)
	}
	return names
}

func template(secret string) corev1.PodTemplateSpec {
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "demo.tencentcloudcr.com/team/app:1"}}}
	if secret != "" {
		spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: secret}}
	}
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "x"}}, Spec: spec}
}

func selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}
}

func daemonSetSpec() appsv1.DaemonSetSpec {
	return appsv1.DaemonSetSpec{Selector: selector(), Template: template("")}
}

func deploymentSpec(secret string) appsv1.DeploymentSpec {
	return appsv1.DeploymentSpec{Selector: selector(), Template: template(secret)}
}

func made(t *testing.T, c client.Client, o client.Object) {
	t.Helper()
	require.NoError(t, c.Create(t.Context(), o))
}

func apply(t *testing.T, c client.Client, text string) {
	t.Helper()
	var u unstructured.Unstructured
	require.NoError(t, yaml.Unmarshal([]byte(text), &u))
	made(t, c, &u)
}
