package integration

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

const policyRules = `policy:
  rules:
  - name: only-ours
    namespaces: ["enforced*", "kube-*", tcr-webhook]
    allow: [tcr-m3ut3qxx, tke-system, registry.k8s.io]
    deny: [demo.tencentcloudcr.com/secret/*]
    action: Enforce
  - name: beware
    namespaces: [warned]
    allow: [tcr-m3ut3qxx]
    action: Warn
  - name: noted
    namespaces: [audited]
    allow: [tcr-m3ut3qxx]
`

// startPolicy starts a system with policyRules, registered as the value
// policyRegistration says, and waits until it is in force.
func startPolicy(t *testing.T, how string) (*stack.Stack, *author) {
	t.Helper()
	s := start(t, stack.Options{Config: stack.DefaultConfig + policyRules, Audit: true})
	a := newAuthor(t, s)
	for _, name := range []string{"enforced", "warned", "audited", "shop"} {
		a.namespace(t, name)
	}
	require.NoError(t, s.Register(t.Context(), policyRegistration(how)))
	eventually(t, "the allow-list to be in force", func() bool {
		err := a.Create(t.Context(), newPod("enforced", "probe", "nginx"), client.DryRunAll)
		return apierrors.IsForbidden(err)
	})
	_ = a.taken()
	return s, a
}

func policyRegistration(how string) chart.Values { return chart.Values{"policyRegistration": how} }

// assertDenied holds that err is the verdict of the rule.
func assertDenied(t *testing.T, err error, image, rule string) {
	t.Helper()
	if assert.Error(t, err, "%s was admitted", image) {
		assert.True(t, apierrors.IsForbidden(err), "%v", err)
		assert.Contains(t, err.Error(), `admission webhook "policy.tcr-webhook.io" denied the request: `)
		assert.Contains(t, err.Error(), image)
		assert.Contains(t, err.Error(), "by rule "+rule)
	}
}

func TestPolicyEnforced(t *testing.T) {
	t.Parallel()
	s, a := startPolicy(t, "Fail")

	for _, image := range []string{
		"nginx", "registry.k8s.io.evil.com/pause", "registry.k8s.io:5000/pause", "evil.io/registry.k8s.io/pause",
		"demo.tencentcloudcr.com.evil.io/a", "demoo.tencentcloudcr.com/a", "ccr.ccs.tencentyun.com/evil/a",
	} {
		pod := newPod("enforced", "", image)
		pod.GenerateName, pod.Labels = "judged-", map[string]string{"tcr-webhook.io/inject": "disabled"}
		assertDenied(t, a.Create(t.Context(), pod), image, "only-ours")
		assertDenied(t, a.Create(t.Context(), newPod("enforced", "denied", publicImage, image), client.DryRunAll), image, "only-ours")
		pod.Namespace = "shop"
		require.NoError(t, a.Create(t.Context(), pod), "no rule is for this namespace")
	}
	err := a.Create(t.Context(), newPod("enforced", "denied", "nginx"))
	assert.ErrorContains(t, err, "containers/c0: image docker.io/library/nginx is not allowed by rule only-ours; allowed: demo.tencentcloudcr.com, tke-system, registry.k8s.io. Use an image that is allowed")

	volume := newPod("enforced", "volume", publicImage)
	volume.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "evil.io/data:1"}}}}
	assertDenied(t, a.Create(t.Context(), volume), "volumes/data: image evil.io/data:1", "only-ours")

	// Nobody is exempt by a label, not even by that of another namespace.
	require.NoError(t, a.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "enforced-too", Labels: map[string]string{
		"kubernetes.io/metadata.name": "kube-system", "tcr-webhook.io/inject": "disabled",
	}}}))
	assertDenied(t, a.Create(t.Context(), newPod("enforced-too", "denied", "nginx")), "nginx", "only-ours")
	assertDenied(t, a.Create(t.Context(), critical("enforced", "denied", "nginx")), "nginx", "only-ours")

	a.pod(t, "enforced", "fine", publicImage, "Registry.K8S.IO:443/pause:3", "ccr.ccs.tencentyun.com/tkeimages/pause:3")
	a.pod(t, "kube-system", "exempt", "nginx")
	ours := ourOwn()
	ours.Spec.Containers[0].Image = "nginx"
	require.NoError(t, a.Create(t.Context(), ours))
	assert.GreaterOrEqual(t, counted(t, s, `tcr_webhook_policy_violations_total{action="Enforce",rule="only-ours"}`), 8)
}

func TestPolicyOfRunningPods(t *testing.T) {
	t.Parallel()
	_, a := startPolicy(t, "Fail")
	pod := a.pod(t, "enforced", "web", publicImage, "registry.k8s.io/pause:3")

	patch := func(image string) error {
		before := pod.DeepCopy()
		changed := pod.DeepCopy()
		changed.Spec.Containers[1].Image = image
		return a.Patch(t.Context(), changed, client.StrategicMergeFrom(before))
	}
	assertDenied(t, patch("nginx"), "containers/c1: image docker.io/library/nginx", "only-ours")
	require.NoError(t, patch("registry.k8s.io/pause:4"))

	require.NoError(t, a.Get(t.Context(), client.ObjectKeyFromObject(pod), pod))
	debug := func(image string) error {
		debugged := pod.DeepCopy()
		debugged.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug", Image: image}}}
		return a.SubResource("ephemeralcontainers").Update(t.Context(), debugged)
	}
	assertDenied(t, debug("busybox"), "ephemeralContainers/debug: image docker.io/library/busybox", "only-ours")
	require.NoError(t, debug(publicImage))
}

// workloads are all that makes pods from a template.
func workloads(namespace string, template corev1.PodTemplateSpec) []client.Object {
	template.Labels = map[string]string{"app": "web"}
	selector := &metav1.LabelSelector{MatchLabels: template.Labels}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "web"}
	finite := *template.DeepCopy()
	finite.Spec.RestartPolicy = corev1.RestartPolicyNever
	job := batchv1.JobSpec{Template: finite}
	return []client.Object{
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}},
		&appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template}},
		&appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}},
		&appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template}},
		&corev1.ReplicationController{ObjectMeta: meta, Spec: corev1.ReplicationControllerSpec{Selector: selector.MatchLabels, Template: &template}},
		&batchv1.Job{ObjectMeta: meta, Spec: job},
		&batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{Schedule: "0 0 * * *", JobTemplate: batchv1.JobTemplateSpec{Spec: job}}},
	}
}

func TestPolicyOfTemplates(t *testing.T) {
	t.Parallel()
	s, a := startPolicy(t, "Fail")
	const warning = "tcr-webhook: pods will be denied: containers/c0: image docker.io/library/nginx is not allowed by rule only-ours; allowed: "
	for _, o := range workloads("enforced", corev1.PodTemplateSpec{Spec: newPod("", "", "nginx").Spec}) {
		require.NoError(t, a.Create(t.Context(), o), "%T", o)
		assert.Contains(t, a.taken(), warning, "%T", o)
		o.SetLabels(map[string]string{"a": "b"})
		require.NoError(t, a.Update(t.Context(), o), "%T", o)
		assert.Empty(t, a.taken(), "%T: a label", o)
	}
	deployment, _ := workloads("enforced", corev1.PodTemplateSpec{Spec: newPod("", "", publicImage).Spec})[0].(*appsv1.Deployment)
	deployment.Name = "fine"
	require.NoError(t, a.Create(t.Context(), deployment))
	assert.Empty(t, a.taken())
	deployment.Spec.Template.Spec.Containers[0].Image = "nginx:2"
	require.NoError(t, a.Update(t.Context(), deployment))
	assert.Contains(t, a.taken(), "nginx:2 is not allowed by rule only-ours")
	owned, _ := workloads("enforced", corev1.PodTemplateSpec{Spec: newPod("", "", "nginx").Spec})[3].(*appsv1.ReplicaSet)
	owned.Name, owned.OwnerReferences = "owned", []metav1.OwnerReference{*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
	before := admissions(t, s)
	require.NoError(t, a.Create(t.Context(), owned))
	assert.Equal(t, before, admissions(t, s), "a controller is warned")
	for _, o := range workloads("shop", corev1.PodTemplateSpec{Spec: newPod("", "", "nginx").Spec}) {
		require.NoError(t, a.Create(t.Context(), o), "%T", o)
		assert.Empty(t, a.taken(), "%T: no rule is for this namespace", o)
	}
	assert.Zero(t, counted(t, s, "tcr_webhook_policy_violations_total{"), "only pods are counted, and no dry runs")
}

func TestPolicyHasOneVerdict(t *testing.T) {
	t.Parallel()
	_, a := startPolicy(t, "Fail")
	const text = "demo.tencentcloudcr.com/secret/app:1) is denied by rule only-ours, which denies demo.tencentcloudcr.com/secret/*"
	secret := stack.PublicHost + "/secret/app:1"
	template := corev1.PodTemplateSpec{Spec: newPod("", "", stack.PrivateHost+"/secret/app:1").Spec}
	require.NoError(t, a.Create(t.Context(), workloads("enforced", template)[0]))
	assert.Contains(t, a.taken(), text)
	for _, image := range []string{secret, stack.PrivateHost + "/secret/app:1", "DEMO.tencentcloudcr.com:443/secret/app:1"} {
		assert.ErrorContains(t, a.Create(t.Context(), newPod("enforced", "secret", image)), text, "as it is after the change")
		optedOut := newPod("enforced", "secret", image)
		optedOut.Labels = map[string]string{"tcr-webhook.io/inject": "disabled"}
		assertDenied(t, a.Create(t.Context(), optedOut), image, "only-ours, which denies demo.tencentcloudcr.com/secret/*")
	}
	pod := a.pod(t, "enforced", "fine", publicImage)
	require.Equal(t, []string{privateImage}, images(pod))
	a.pod(t, "enforced", "again", images(pod)...)
}

func TestPolicyWarnsAndNotes(t *testing.T) {
	t.Parallel()
	s, a := startPolicy(t, "Ignore")
	a.pod(t, "warned", "web", "nginx", publicImage)
	assert.Contains(t, a.taken(), "tcr-webhook: containers/c0: image docker.io/library/nginx is not allowed by rule beware; allowed: demo.tencentcloudcr.com")
	a.pod(t, "audited", "web", "nginx")
	assert.Empty(t, a.taken())
	eventually(t, "the audit to tell", func() bool {
		log, err := s.Cluster.AuditLog()
		require.NoError(t, err)
		return strings.Contains(log, `"policy.tcr-webhook.io/policy":"containers/c0=noted:Audit:NotAllowed"`) &&
			strings.Contains(log, `"policy.tcr-webhook.io/policy":"containers/c0=beware:Warn:NotAllowed"`)
	})
	assert.Equal(t, 1, counted(t, s, `tcr_webhook_policy_violations_total{action="Warn",rule="beware"}`))
	assert.Equal(t, 1, counted(t, s, `tcr_webhook_policy_violations_total{action="Audit",rule="noted"}`))

	// The rules change without a restart.
	require.NoError(t, s.WriteConfig(stack.DefaultConfig+strings.Replace(policyRules, "action: Warn", "action: Enforce", 1)))
	eventually(t, "the rule to enforce", func() bool {
		return apierrors.IsForbidden(a.Create(t.Context(), newPod("warned", "probe", "nginx"), client.DryRunAll))
	})
	require.NoError(t, s.WriteConfig(stack.DefaultConfig+strings.Replace(policyRules, "action: Warn", "action: Forbid", 1)))
	eventually(t, "the mistake to be logged", func() bool {
		log, err := s.Server.Log()
		require.NoError(t, err)
		return strings.Contains(log, "not one of Audit, Warn, Enforce")
	})
	assertDenied(t, a.Create(t.Context(), newPod("warned", "denied", "nginx")), "nginx", "beware")
	require.NoError(t, s.WriteConfig(stack.DefaultConfig))
	eventually(t, "the allow-list to be gone", func() bool {
		return a.Create(t.Context(), newPod("warned", "probe", "nginx"), client.DryRunAll) == nil
	})
	require.NoError(t, a.Create(t.Context(), newPod("enforced", "free", "nginx")))
}

func TestPolicyWithoutUs(t *testing.T) {
	t.Parallel()
	s, a := startPolicy(t, "Fail")
	old := a.pod(t, "enforced", "old", publicImage)
	s.Server.Kill()

	changeAll(t, a, old)
	err := a.Create(t.Context(), newPod("enforced", "unjudged", "registry.k8s.io/pause:3"))
	assert.True(t, apierrors.IsInternalError(err), "a pod that nobody judged was admitted: %v", err)
	assert.ErrorContains(t, err, `failed calling webhook "policy.tcr-webhook.io"`)
	for _, o := range workloads("enforced", corev1.PodTemplateSpec{Spec: newPod("", "", "nginx").Spec}) {
		require.NoError(t, a.Create(t.Context(), o), "%T", o)
		o.SetLabels(map[string]string{"a": "b"})
		require.NoError(t, a.Update(t.Context(), o), "%T", o)
		require.NoError(t, a.Delete(t.Context(), o), "%T", o)
	}
	a.pod(t, "kube-system", "exempt", "nginx")
	require.NoError(t, a.Create(t.Context(), ourOwn()))

	require.NoError(t, s.Register(t.Context(), policyRegistration("Ignore")))
	eventually(t, "pods to be admitted while nothing enforces", func() bool {
		return a.Create(t.Context(), newPod("enforced", "unjudged", "registry.k8s.io/pause:3")) == nil
	})
	require.NoError(t, s.Server.Restart(t.Context()))
}
