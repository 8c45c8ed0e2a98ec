package integration

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// diagnosed is the first finding of doctor, its code and its text.
func (p *plugin) diagnosed(t *testing.T, s *stack.Stack, args ...string) (exit int, code, text string) {
	t.Helper()
	got := p.run(t, append([]string{"doctor", "-o", "json"}, args...)...)
	assertNoSecret(t, s, "doctor", got.stdout+got.stderr)
	var d struct {
		Checks []struct {
			Findings []struct{ Code, Text string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &d), "%s%s", got.stdout, got.stderr)
	require.NotEmpty(t, d.Checks)
	if len(d.Checks[0].Findings) > 0 {
		code, text = d.Checks[0].Findings[0].Code, d.Checks[0].Findings[0].Text
	}
	return got.code, code, text
}

// names waits until doctor names a fault first.
func (p *plugin) names(t *testing.T, s *stack.Stack, want string, args ...string) string {
	t.Helper()
	var code, text string
	var exit int
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		if exit, code, text = p.diagnosed(t, s, args...); code == want {
			break
		}
	}
	require.Equal(t, want, code, "doctor says first: %s", text)
	if want == "" {
		assert.Equal(t, 0, exit)
	}
	return text
}

// TestDoctorNamesWhatIsBroken breaks one thing after the other, and mends it.
func TestDoctorNamesWhatIsBroken(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	p := newPlugin(t, s, stack.DefaultConfig)
	pretendPods(t, s)
	c := s.Client
	require.NoError(t, c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "apart", Labels: map[string]string{"tcr-webhook.io/inject": "disabled"}}}))
	deployment := func(change func(*appsv1.Deployment)) {
		var d appsv1.Deployment
		require.NoError(t, c.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook"}, &d))
		change(&d)
		require.NoError(t, c.Update(t.Context(), d.DeepCopy()))
		require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(&d), &d))
		change(&d)
		require.NoError(t, c.Status().Update(t.Context(), &d))
	}
	p.names(t, s, "")
	fine := p.run(t, "doctor")
	assert.Contains(t, fine.stdout, "✔ a pod is served (dry run)")
	assert.Contains(t, fine.stdout, "✔ its ServiceAccount has its rights")
	assert.Equal(t, ended{}, p.run(t, "doctor", "-o", "short"))
	pre := p.run(t, "doctor", "--pre")
	assert.Equal(t, 0, pre.code, pre.stdout)
	assert.Contains(t, pre.stdout, "✔ you may install")

	deployment(func(d *appsv1.Deployment) { d.Status.ReadyReplicas = 0 })
	p.names(t, s, "TCR102")
	deployment(func(d *appsv1.Deployment) { d.Status.ReadyReplicas = 2 })

	var slice discoveryv1.EndpointSlice
	require.NoError(t, c.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook-1"}, &slice))
	require.NoError(t, c.Delete(t.Context(), slice.DeepCopy()))
	p.names(t, s, "TCR105")
	slice.ResourceVersion = ""
	require.NoError(t, c.Create(t.Context(), &slice))

	var role rbacv1.ClusterRole
	require.NoError(t, c.Get(t.Context(), client.ObjectKey{Name: "tcr-webhook"}, &role))
	rules := role.Rules
	role.Rules = rules[:2]
	require.NoError(t, c.Update(t.Context(), &role))
	assert.Contains(t, p.names(t, s, "TCR113"), "create secrets tcr-pull")
	role.Rules = rules
	require.NoError(t, c.Update(t.Context(), &role))

	var cm corev1.ConfigMap
	require.NoError(t, c.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook-config"}, &cm))
	good := cm.Data["config.yaml"]
	cm.Data["config.yaml"] = good + "registrys: []\n"
	require.NoError(t, c.Update(t.Context(), &cm))
	assert.Contains(t, p.names(t, s, "TCR603"), "registrys")
	cm.Data["config.yaml"] = good
	require.NoError(t, c.Update(t.Context(), &cm))

	p.names(t, s, "TCR125", "--from-namespace", "apart")
	p.names(t, s, "")

	var validating admissionregistrationv1.ValidatingWebhookConfiguration
	require.NoError(t, c.Get(t.Context(), client.ObjectKey{Name: "zz-tcr-webhook"}, &validating))
	require.NoError(t, c.Delete(t.Context(), &validating))
	p.names(t, s, "TCR104")
	require.NoError(t, s.Register(t.Context(), nil))
	p.names(t, s, "")

	require.NoError(t, s.Server.Stop())
	p.names(t, s, "TCR122")
	zero := int32(0)
	deployment(func(d *appsv1.Deployment) { d.Spec.Replicas, d.Status.ReadyReplicas = &zero, 0 })
	p.names(t, s, "TCR102")
	out := p.run(t, "doctor")
	assert.Equal(t, 1, out.code)
	assert.Contains(t, out.stdout, "pods are registered with a webhook that is not there", out.stdout)
	require.NoError(t, s.Server.Restart(t.Context()))
}

// TestDoctorNamesWhatTheCloudRefuses starts with each fault.
func TestDoctorNamesWhatTheCloudRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(*tencent.Cloud)
		now     func() time.Time
		code    string
		text    string
	}{
		"a right": {func(c *tencent.Cloud) {
			c.SetFault("CreateInstanceToken", tencent.Fault{Code: "UnauthorizedOperation", Message: marker})
		}, nil, "TCR401", "there is no token for tcr-m3ut3qxx"},
		"the key":       {func(c *tencent.Cloud) { c.Revoke(c.DefaultIdentity().SecretID) }, nil, "TCR401", "there is no token for tcr-m3ut3qxx"},
		"the instance":  {func(c *tencent.Cloud) { c.RemoveInstance(stack.InstanceID) }, nil, "TCR401", "there is no token for tcr-m3ut3qxx"},
		"the signature": {nil, func() time.Time { return time.Now().Add(10 * time.Minute) }, "TCR203", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, stack.Options{Prepare: tt.prepare, Now: tt.now})
			p := newPlugin(t, s, stack.DefaultConfig)
			pretendPods(t, s)
			assert.Contains(t, p.names(t, s, tt.code), tt.text)
		})
	}
}
