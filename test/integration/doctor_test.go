package integration

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// diagnosed is the first finding of doctor, its code and its text.
func (p *plugin) diagnosed(t *testing.T, s *stack.Stack, args ...string) (exit int, code, text string) {
	t.Helper()
	got := p.run(t, append([]string{"doctor", "-o", "json"}, args...)...)
	assertNoSecret(t, s, "doctor", got.stdout+got.stderr)
	var d struct {
		Checks []struct {
			Why      string
			Findings []struct{ Code, Text, Next, Link string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &d), "%s%s", got.stdout, got.stderr)
	require.NotEmpty(t, d.Checks)
	if len(d.Checks[0].Findings) > 0 {
		first := d.Checks[0].Findings[0]
		code, text = first.Code, first.Text
		assert.NotEmpty(t, text)
		assert.NotEmpty(t, first.Next, "%s: nothing says what to do", code)
		assert.NotEmpty(t, d.Checks[0].Why, "%s: nothing says why it matters", code)
		assert.Regexp(t, "#"+strings.ToLower(code)+"$", first.Link)
	}
	return got.code, code, text
}

// names waits until doctor names a fault first, with a text.
func (p *plugin) names(t *testing.T, s *stack.Stack, want, says string, args ...string) {
	t.Helper()
	var code, text string
	var exit int
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		if exit, code, text = p.diagnosed(t, s, args...); code == want && strings.Contains(text, says) {
			break
		}
	}
	require.Equal(t, want, code, "doctor says first: %s", text)
	require.Contains(t, text, says)
	if want == "" {
		assert.Equal(t, 0, exit)
	}
}

// bed is a system that doctor looks at, and ways to break it.
type bed struct {
	*stack.Stack
	p *plugin
}

func newBed(t *testing.T, o stack.Options) *bed {
	t.Helper()
	s := start(t, o)
	config := o.Config
	if config == "" {
		config = stack.DefaultConfig
	}
	b := &bed{s, newPlugin(t, s, config)}
	pretendPods(t, s)
	return b
}

// change changes an object, and returns what brings it back to what it was.
func change[T any, P interface {
	*T
	client.Object
}](t *testing.T, b *bed, namespace, name string, edit func(P)) (mend func()) {
	t.Helper()
	var zero T
	o := P(&zero)
	require.NoError(t, b.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, o))
	was := o.DeepCopyObject().(P)
	edit(o)
	require.NoError(t, b.Client.Update(t.Context(), o))
	return func() {
		t.Helper()
		var now T
		require.NoError(t, b.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, P(&now)))
		was.SetResourceVersion(P(&now).GetResourceVersion())
		require.NoError(t, b.Client.Update(t.Context(), was))
	}
}

// add makes an object, and returns what takes it away.
func (b *bed) add(t *testing.T, o client.Object) (mend func()) {
	t.Helper()
	require.NoError(t, b.Client.Create(t.Context(), o))
	return func() { t.Helper(); require.NoError(t, b.Client.Delete(t.Context(), o)) }
}

// remove takes an object away, and returns what makes it again.
func (b *bed) remove(t *testing.T, o client.Object, namespace, name string) (mend func()) {
	t.Helper()
	require.NoError(t, b.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, o))
	require.NoError(t, b.Client.Delete(t.Context(), o.DeepCopyObject().(client.Object)))
	return func() {
		t.Helper()
		o.SetResourceVersion("")
		o.SetUID("")
		require.NoError(t, b.Client.Create(t.Context(), o))
	}
}

// entry changes one of the webhooks that pods go through.
func (b *bed) entry(t *testing.T, name string, edit func(*admissionregistrationv1.MutatingWebhook)) (mend func()) {
	t.Helper()
	return change(t, b, "", "zz-tcr-webhook", func(m *admissionregistrationv1.MutatingWebhookConfiguration) {
		for i := range m.Webhooks {
			if m.Webhooks[i].Name == name || name == "" {
				edit(&m.Webhooks[i])
			}
		}
	})
}

// status changes what controllers say of the Deployment.
func (b *bed) status(t *testing.T, replicas, ready int32) (mend func()) {
	t.Helper()
	set := func(replicas, ready int32) {
		var d appsv1.Deployment
		require.NoError(t, b.Client.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook"}, &d))
		d.Spec.Replicas = &replicas
		require.NoError(t, b.Client.Update(t.Context(), d.DeepCopy()))
		require.NoError(t, b.Client.Get(t.Context(), client.ObjectKeyFromObject(&d), &d))
		d.Status.ReadyReplicas, d.Status.Replicas = ready, replicas
		require.NoError(t, b.Client.Status().Update(t.Context(), &d))
	}
	set(replicas, ready)
	return func() { set(2, 2) }
}

// stuck makes a pod that a kubelet cannot pull for.
func (b *bed) stuck(t *testing.T, message string) (mend func()) {
	t.Helper()
	pod := newPod("default", "stuck", publicImage)
	require.NoError(t, b.Client.Create(t.Context(), pod))
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "c0", Image: publicImage, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: message}}}}
	require.NoError(t, b.Client.Status().Update(t.Context(), pod))
	return func() {
		t.Helper()
		require.NoError(t, b.Client.Delete(t.Context(), pod, client.GracePeriodSeconds(0)))
	}
}

// fault is one thing that goes wrong, and what doctor is to say first.
type fault struct {
	name   string
	inject func(t *testing.T, b *bed) (mend func())
	code   string
	text   string
	args   []string
}

// try injects each fault, asks the doctor, and mends it.
func (b *bed) try(t *testing.T, faults []fault) {
	t.Helper()
	b.p.names(t, b.Stack, "", "")
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			mend := f.inject(t, b)
			b.p.names(t, b.Stack, f.code, f.text, f.args...)
			mend()
		})
		b.p.names(t, b.Stack, "", "")
	}
}

// TestDoctorNamesWhatIsBroken breaks one thing after the other in the cluster, and
// mends it.
func TestDoctorNamesWhatIsBroken(t *testing.T) {
	t.Parallel()
	b := newBed(t, stack.Options{})
	b.p.names(t, b.Stack, "", "")
	fine := b.p.run(t, "doctor")
	assert.Contains(t, fine.stdout, "✔ a pod is served (dry run)")
	assert.Contains(t, fine.stdout, "✔ its ServiceAccount has its rights")
	assert.Contains(t, fine.stdout, "✔ it grants tcr:CreateInstanceToken")
	assert.Equal(t, ended{}, b.p.run(t, "doctor", "-o", "short"))
	pre := b.p.run(t, "doctor", "--pre")
	assert.Equal(t, 0, pre.code, pre.stdout)
	assert.Contains(t, pre.stdout, "✔ you may install")
	require.NoError(t, b.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "apart", Labels: map[string]string{"tcr-webhook.io/inject": "disabled"}}}))
	require.NoError(t, b.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "no-tcr"}}))
	b.try(t, slices.Concat(faultsOfTheInstallation(), faultsOfTheRegistrations(), faultsOfNamespaces()))
}

func faultsOfTheInstallation() []fault {
	const ns = stack.Namespace
	return []fault{
		{name: "no Deployment", code: "TCR101", text: "there is no Deployment", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			mend := b.remove(t, &appsv1.Deployment{}, ns, "tcr-webhook")
			return func() { mend(); b.status(t, 2, 2) }
		}},
		{name: "no replica is ready", code: "TCR102", text: "none of 2 replicas is ready", inject: func(t *testing.T, b *bed) func() { t.Helper(); return b.status(t, 2, 0) }},
		{name: "one replica", code: "TCR102", text: "there is one replica", inject: func(t *testing.T, b *bed) func() { t.Helper(); return b.status(t, 1, 1) }},
		{name: "no endpoints", code: "TCR105", text: "no ready endpoint", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.remove(t, &discoveryv1.EndpointSlice{}, ns, "tcr-webhook-1")
		}},
		{name: "its image is one of its own instance", code: "TCR116", text: privateImage, inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return change(t, b, ns, "tcr-webhook", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = privateImage })
		}},
		{name: "a network policy lets nobody in", code: "TCR117", text: "NetworkPolicy deny-all", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			put := b.remove(t, &networkingv1.NetworkPolicy{}, ns, "tcr-webhook") // which lets all in
			take := b.add(t, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "deny-all"}})
			return func() { take(); put() }
		}},
		{name: "a network policy lets nothing out", code: "TCR117", text: "from calling the API server", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.add(t, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "dns-only"}, Spec: networkingv1.NetworkPolicySpec{
				PolicyTypes: []networkingv1.PolicyType{"Egress"}, Egress: []networkingv1.NetworkPolicyEgressRule{{Ports: []networkingv1.NetworkPolicyPort{{Port: new(intstr.FromInt32(53))}}}},
			}})
		}},
		{name: "the configuration is broken", code: "TCR603", text: "registrys", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return change(t, b, ns, "tcr-webhook-config", func(cm *corev1.ConfigMap) { cm.Data["config.yaml"] += "registrys: []\n" })
		}},
		{name: "the server refuses the configuration", code: "TCR604", text: "registrys", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			require.NoError(t, b.WriteConfig(stack.DefaultConfig+"registrys: []\n"))
			return func() { require.NoError(t, b.WriteConfig(stack.DefaultConfig)) }
		}},
		{name: "an entry that never takes effect", code: "TCR610", text: "registries[1]", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return change(t, b, ns, "tcr-webhook-config", func(cm *corev1.ConfigMap) { cm.Data["config.yaml"] += "- instance: tcr-m3ut3qxx\n" })
		}},
		{name: "the leader is of another installation", code: "TCR118", text: "is none of the pods", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			var d appsv1.Deployment
			require.NoError(t, b.Client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "tcr-webhook"}, &d))
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "tcr-webhook-7c9f-x2", Labels: d.Spec.Template.Labels}, Spec: d.Spec.Template.Spec}
			return b.add(t, pod)
		}},
		{name: "what the add-on left", code: "TCR701", text: "its namespace tcr-assistant-system", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			require.NoError(t, b.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tcr-assistant-system"}}))
			return func() { b.finalize(t, "tcr-assistant-system") }
		}},
		{name: "a ServiceAccount that the add-on changed", code: "TCR701", text: "1 ServiceAccount that name them", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.add(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "patched"}, ImagePullSecrets: []corev1.LocalObjectReference{{Name: "tcr.ipstcr-m3ut3qxx-vpc"}}})
		}},
	}
}

// finalize ends a namespace as its controller would, which does not run here.
func (b *bed) finalize(t *testing.T, name string) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	require.NoError(t, b.Client.Delete(t.Context(), ns))
	require.NoError(t, b.Client.Get(t.Context(), client.ObjectKeyFromObject(ns), ns))
	ns.Spec.Finalizers = nil
	require.NoError(t, b.Client.SubResource("finalize").Update(t.Context(), ns))
}

func faultsOfTheRegistrations() []fault {
	type hook = admissionregistrationv1.MutatingWebhook
	entry := func(edit func(*hook)) func(t *testing.T, b *bed) func() {
		return func(t *testing.T, b *bed) func() { t.Helper(); return b.entry(t, "pods.tcr-webhook.io", edit) }
	}
	return []fault{
		{name: "no validating registration", code: "TCR104", text: "ValidatingWebhookConfiguration zz-tcr-webhook does not exist", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			b.remove(t, &admissionregistrationv1.ValidatingWebhookConfiguration{}, "", "zz-tcr-webhook")
			return func() { require.NoError(t, b.Register(t.Context(), nil)) }
		}},
		{name: "no mutating registration", code: "TCR104", text: "MutatingWebhookConfiguration zz-tcr-webhook does not exist", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			b.remove(t, &admissionregistrationv1.MutatingWebhookConfiguration{}, "", "zz-tcr-webhook")
			return func() { require.NoError(t, b.Register(t.Context(), nil)) }
		}},
		{name: "matchConditions leave the host out", code: "TCR104", text: "pods.tcr-webhook.io does not let images of", inject: entry(func(w *hook) {
			for i := range w.MatchConditions {
				w.MatchConditions[i].Expression = strings.ReplaceAll(w.MatchConditions[i].Expression, "tencentcloudcr", "elsewhere")
			}
		})},
		{name: "no matchConditions", code: "TCR114", text: "pods.tcr-webhook.io has no matchConditions", inject: entry(func(w *hook) { w.MatchConditions = nil })},
		{name: "matchConditions of another form", code: "TCR114", text: "of another form than ours", inject: entry(func(w *hook) {
			w.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "mine", Expression: "object.spec.containers.exists(c, c.image.split('/')[0] in ['demo.tencentcloudcr.com', 'demo-vpc.tencentcloudcr.com'])"}}
		})},
		{name: "failurePolicy Ignore", code: "TCR115", text: "pods.tcr-webhook.io has failurePolicy Ignore", inject: entry(func(w *hook) { w.FailurePolicy = new(admissionregistrationv1.Ignore) })},
		{name: "failurePolicy Fail for what a cluster needs", code: "TCR115", text: "pods-best-effort.tcr-webhook.io has failurePolicy Fail", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.entry(t, "pods-best-effort.tcr-webhook.io", func(w *hook) { w.FailurePolicy = new(admissionregistrationv1.Fail) })
		}},
		{name: "another port", code: "TCR122", text: "the API server is refused", inject: entry(func(w *hook) { w.ClientConfig.Service.Port = new(int32(1)) })},
		{name: "another path", code: "TCR122", text: "nothing at the path", inject: entry(func(w *hook) { w.ClientConfig.Service.Path = new("/elsewhere") })},
		{name: "another Service", code: "TCR124", text: "there is no Service tcr-webhook/elsewhere", inject: entry(func(w *hook) { w.ClientConfig.Service.Name = "elsewhere" })},
		{name: "a namespaceSelector that leaves all out", code: "TCR125", text: "namespaceSelector leaves the namespace out", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.entry(t, "", func(w *hook) { w.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}} })
		}},
		{name: "rules of another resource", code: "TCR125", text: "the registration does not let it through", inject: entry(func(w *hook) { w.Rules[0].Resources = []string{"pods/ephemeralcontainers"} })},
		{name: "nobody answers", code: "TCR122", text: "refused", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			require.NoError(t, b.Server.Stop())
			return func() { require.NoError(t, b.Server.Restart(t.Context())) }
		}},
		{name: "scaled to nothing", code: "TCR102", text: "scaled to 0", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			require.NoError(t, b.Server.Stop())
			mend := b.status(t, 0, 0)
			assert.Contains(t, b.p.run(t, "doctor").stdout, "pods are registered with a webhook that is not there")
			return func() { mend(); require.NoError(t, b.Server.Restart(t.Context())) }
		}},
		{name: "nobody leads", code: "TCR103", text: "no replica", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			// Whoever has no leader is asked by nobody: otherwise what comes of it is
			// the first thing to see.
			require.NoError(t, b.Server.Stop())
			mend := b.entry(t, "pods.tcr-webhook.io", func(w *hook) { w.MatchConditions[0].Expression = "false" })
			return func() { require.NoError(t, b.Server.Restart(t.Context())); mend() }
		}, args: []string{"--ignore", "TCR104,TCR114,TCR125"}},
	}
}

func faultsOfNamespaces() []fault {
	return []fault{
		{name: "the namespace opted out", code: "TCR129", text: "opted out by the label", args: []string{"--from-namespace", "apart"}, inject: nothing},
		{name: "the namespace is not selected", code: "TCR130", text: "does not select the namespace", args: []string{"-n", "no-tcr"}, inject: nothing},
		{name: "a quota refuses the Secret", code: "TCR408", text: "namespace tight does not take the pull Secret", args: []string{"-n", "tight"}, inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			require.NoError(t, b.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "tight"}}))
			quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "tight", Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/secrets": resource.MustParse("0")}}}
			mend := b.add(t, quota)
			quota.Status.Hard, quota.Status.Used = quota.Spec.Hard, corev1.ResourceList{"count/secrets": resource.MustParse("0")}
			require.NoError(t, b.Client.Status().Update(t.Context(), quota)) // as its controller would
			return mend
		}},
		{name: "a quota refuses the Secret where a pod needs it", code: "TCR408", text: "namespace needy does not take", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			require.NoError(t, b.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "needy"}}))
			quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "needy", Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"count/secrets": resource.MustParse("0")}}}
			mend := b.add(t, quota)
			quota.Status.Hard, quota.Status.Used = quota.Spec.Hard, corev1.ResourceList{"count/secrets": resource.MustParse("0")}
			require.NoError(t, b.Client.Status().Update(t.Context(), quota))
			pod := newPod("needy", "hello", publicImage)
			require.NoError(t, b.Client.Create(t.Context(), pod))
			return func() { mend(); require.NoError(t, b.Client.Delete(t.Context(), pod, client.GracePeriodSeconds(0))) }
		}},
		{name: "a Secret of somebody else", code: "TCR409", text: "somebody else's in namespace default", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			_ = b.Client.Delete(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "tcr-pull"}})
			return b.add(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "tcr-pull"}})
		}},
		{name: "a Secret that nobody uses", code: "TCR407", text: "left in namespace no-tcr", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.add(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "no-tcr", Name: "tcr-pull", Labels: map[string]string{"app.kubernetes.io/managed-by": "tcr-webhook"}}})
		}},
		{name: "another webhook takes the pull secret away", code: "TCR131", text: "one of zzz-other", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.undone(t, `[{"op":"add","path":"/spec/imagePullSecrets","value":[]}]`)
		}},
		{name: "another webhook puts the image back", code: "TCR131", text: "puts back the image", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.undone(t, `[{"op":"replace","path":"/spec/containers/0/image","value":"demo.tencentcloudcr.com/tcr-webhook-sample/app:1"}]`)
		}},
		{name: "nodes do not reach the bucket", code: "TCR311", text: "bucket tcr-m3ut3qxx-1250000000.cos.ap-guangzhou.myqcloud.com: default/stuck", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.stuck(t, `failed to copy: httpReadSeeker: failed open: Get "https://tcr-m3ut3qxx-1250000000.cos.ap-guangzhou.myqcloud.com/docker/registry/v2/blobs/x": dial tcp 1.2.3.4:443: i/o timeout`)
		}},
		{name: "nodes do not find the name", code: "TCR312", text: "nodes do not find demo-vpc.tencentcloudcr.com by DNS", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.stuck(t, `failed to do request: Head "https://demo-vpc.tencentcloudcr.com/v2/team/hello/manifests/1": dial tcp: lookup demo-vpc.tencentcloudcr.com on 10.0.0.10:53: no such host`)
		}},
		{name: "nodes do not reach the registry", code: "TCR313", text: "nodes do not reach the registry", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.stuck(t, `failed to do request: Head "https://demo.tencentcloudcr.com/v2/team/hello/manifests/1": dial tcp 10.0.0.2:443: i/o timeout`)
		}},
		{name: "nodes do not trust the registry", code: "TCR314", text: "do not trust", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.stuck(t, `tls: failed to verify certificate: x509: certificate signed by unknown authority`)
		}},
		{name: "the registry refuses the login", code: "TCR406", text: "refuses the login", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.stuck(t, `failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized`)
		}},
		{name: "the login has no right to the image", code: "TCR410", text: "no right to the image", inject: func(t *testing.T, b *bed) func() {
			t.Helper()
			return b.stuck(t, `pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`)
		}},
	}
}

func nothing(*testing.T, *bed) func() { return func() {} }

// undone puts a webhook after ours that answers every pod with a patch.
func (b *bed) undone(t *testing.T, patch string) (mend func()) {
	t.Helper()
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if json.NewDecoder(r.Body).Decode(&review) != nil {
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true, Patch: []byte(patch), PatchType: new(admissionv1.PatchTypeJSONPatch)}
		_ = json.NewEncoder(w).Encode(review)
	}))
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw})
	remove := b.add(t, &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "zzz-other"}, Webhooks: []admissionregistrationv1.MutatingWebhook{{
		Name: "other.example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: new(admissionregistrationv1.SideEffectClassNone), FailurePolicy: new(admissionregistrationv1.Ignore), ReinvocationPolicy: new(admissionregistrationv1.IfNeededReinvocationPolicy),
		ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &other.URL, CABundle: ca},
		Rules: []admissionregistrationv1.RuleWithOperations{{
			Operations: []admissionregistrationv1.OperationType{"CREATE"}, Rule: admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		}},
	}}})
	return func() { remove(); other.Close() }
}

// TestDoctorNamesEachMissingRule takes the rules of the chart away one by one.
func TestDoctorNamesEachMissingRule(t *testing.T) {
	t.Parallel()
	b := newBed(t, stack.Options{})
	b.p.names(t, b.Stack, "", "")
	var cluster rbacv1.ClusterRole
	require.NoError(t, b.Client.Get(t.Context(), client.ObjectKey{Name: "tcr-webhook"}, &cluster))
	for i, rule := range cluster.Rules {
		if slices.Equal(rule.ResourceNames, []string{"updater-config"}) {
			continue // only to tell of the add-on, and a choice of the chart
		}
		mend := change(t, b, "", "tcr-webhook", func(r *rbacv1.ClusterRole) { r.Rules = slices.Delete(r.Rules, i, i+1) })
		b.p.names(t, b.Stack, "TCR113", rule.Verbs[0]+" "+rule.Resources[0])
		mend()
	}
	var role rbacv1.Role
	require.NoError(t, b.Client.Get(t.Context(), client.ObjectKey{Namespace: stack.Namespace, Name: "tcr-webhook"}, &role))
	for i, rule := range role.Rules {
		mend := change(t, b, stack.Namespace, "tcr-webhook", func(r *rbacv1.Role) { r.Rules = slices.Delete(r.Rules, i, i+1) })
		b.p.names(t, b.Stack, "TCR113", rule.Verbs[0]+" "+rule.Resources[0])
		mend()
	}
	b.remove(t, &rbacv1.ClusterRoleBinding{}, "", "tcr-webhook")
	b.p.names(t, b.Stack, "TCR113", "create secrets tcr-pull")
}
