package plugin

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/cluster"
)

// The installation that is taken out, again and again. Its names are apart from
// those of other tests.
const (
	doomed     = "uninstall-tcr"
	doomedPull = "uninstall-pull"
)

// hookRules are the rights of the chart's hook, in all namespaces and in its own.
// pull is the name of the pull Secrets.
func hookRules(t *testing.T, pull string) (everywhere, own []rbacv1.PolicyRule) {
	t.Helper()
	values := chart.InstallValues()
	values["config"] = chart.Values{"pullSecret": chart.Values{"name": pull}}
	rendered, err := chart.RenderWith(chart.Options{Values: values})
	require.NoError(t, err)
	hooks, err := chart.Objects(rendered.Hooks...)
	require.NoError(t, err)
	for _, o := range hooks {
		var role rbacv1.ClusterRole // a Role has the same fields, and fewer
		switch o.GetKind() {
		case "ClusterRole":
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role))
			everywhere = append(everywhere, role.Rules...)
		case "Role":
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role))
			own = append(own, role.Rules...)
		}
	}
	require.NotEmpty(t, everywhere)
	require.NotEmpty(t, own)
	return everywhere, own
}

// one is one verb on one name of one resource.
type one struct {
	own                         bool
	group, resource, name, verb string
}

func (o one) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", o.verb, o.resource, o.name))
}

// each takes rules apart.
func each(own bool, rules []rbacv1.PolicyRule) (all []one) {
	for _, r := range rules {
		for _, resource := range r.Resources {
			for _, verb := range r.Verbs {
				names := r.ResourceNames
				if len(names) == 0 {
					names = []string{""}
				}
				for _, name := range names {
					all = append(all, one{own, r.APIGroups[0], resource, name, verb})
				}
			}
		}
	}
	return all
}

func (o one) rule() rbacv1.PolicyRule {
	r := rbacv1.PolicyRule{APIGroups: []string{o.group}, Resources: []string{o.resource}, Verbs: []string{o.verb}}
	if o.name != "" {
		r.ResourceNames = []string{o.name}
	}
	return r
}

// grant gives a user rights and nothing else.
func grant(t *testing.T, c client.Client, user string, rights []one) {
	t.Helper()
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}}
	everywhere := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}}
	own := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: user, Namespace: doomed}}
	for _, r := range rights {
		if r.own {
			own.Rules = append(own.Rules, r.rule())
		} else {
			everywhere.Rules = append(everywhere.Rules, r.rule())
		}
	}
	for _, o := range []client.Object{
		everywhere, own,
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: user}, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user}},
		&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: user, Namespace: doomed}, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user}},
	} {
		require.NoError(t, c.Create(t.Context(), o))
	}
}

// traces are all that an installation writes.
func traces() []client.Object {
	meta := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app.kubernetes.io/managed-by": "tcr-webhook"}}
	}
	builder := &corev1.ServiceAccount{ObjectMeta: meta("uninstall-b", "builder"), ImagePullSecrets: []corev1.LocalObjectReference{{Name: "mine"}, {Name: doomedPull}}}
	builder.Annotations = map[string]string{"tcr-webhook.io/added-pull-secret": doomedPull}
	return []client.Object{
		&admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: meta("", "zz-tcr-webhook")},
		&admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: meta("", "zz-tcr-webhook-always")},
		&admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: meta("", "zz-tcr-webhook")},
		&admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: meta("", "zz-tcr-webhook-policy")},
		&corev1.Secret{ObjectMeta: meta("uninstall-a", doomedPull)},
		&corev1.Secret{ObjectMeta: meta("uninstall-b", doomedPull)},
		builder,
		&corev1.Secret{ObjectMeta: meta(doomed, "tcr-webhook-tokens")},
		&corev1.Secret{ObjectMeta: meta(doomed, "tcr-webhook-ca")},
		&corev1.ConfigMap{ObjectMeta: meta(doomed, "tcr-webhook-hosts")},
		&corev1.ConfigMap{ObjectMeta: meta(doomed, "tcr-webhook-status")},
		&coordinationv1.Lease{ObjectMeta: meta(doomed, "tcr-webhook")},
	}
}

// others are what is not ours, however alike it looks.
func others() []client.Object {
	return []client.Object{
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "uninstall-c", Name: doomedPull, Labels: map[string]string{"app.kubernetes.io/managed-by": "Helm"}}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "uninstall-a", Name: "app", Labels: map[string]string{"app.kubernetes.io/managed-by": "tcr-webhook"}}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "uninstall-c", Name: "own"}, ImagePullSecrets: []corev1.LocalObjectReference{{Name: doomedPull}}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: doomed, Name: "tcr-webhook-credentials"}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: doomed, Name: "tcr-webhook-config"}, Data: map[string]string{"config.yaml": "apiVersion: tcr-webhook.io/v1alpha1\nkind: Config\ntencentCloud: {region: ap-guangzhou}\nregistries: [{instance: tcr-demo0001}]\npullSecret: {name: " + doomedPull + "}\n"}},
	}
}

// left lists those of all that are there, without what they hold.
func left(t *testing.T, c client.Client, all []client.Object) (names []string) {
	t.Helper()
	for _, o := range all {
		got, _ := o.DeepCopyObject().(client.Object)
		err := c.Get(t.Context(), client.ObjectKeyFromObject(o), got)
		require.NoError(t, client.IgnoreNotFound(err))
		account, isAccount := got.(*corev1.ServiceAccount)
		if err == nil && (!isAccount || account.Annotations["tcr-webhook.io/added-pull-secret"] != "") {
			names = append(names, fmt.Sprintf("%T %s/%s", o, o.GetNamespace(), o.GetName()))
		}
	}
	return names
}

// bed is the installation that is taken out.
type bed struct {
	c    client.Client
	once sync.Once
}

// restore writes everything that is gone anew, and a Deployment with one pod.
func (b *bed) restore(t *testing.T) {
	t.Helper()
	b.once.Do(func() {
		for _, name := range []string{doomed, "uninstall-a", "uninstall-b", "uninstall-c"} {
			createNamespace(t, b.c, name)
		}
		for _, o := range others() {
			require.NoError(t, b.c.Create(t.Context(), o))
		}
		labels := map[string]string{"app": "x"}
		require.NoError(t, b.c.Create(t.Context(), &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: doomed, Name: "tcr-webhook", Annotations: map[string]string{"meta.helm.sh/release-name": "tcr"}},
			Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "a"}}},
			}},
		}))
		require.NoError(t, b.c.Create(t.Context(), b.pod("job-pod", "Job", "tcr-webhook-1")))
	})
	for _, o := range traces() {
		if account, is := o.(*corev1.ServiceAccount); is {
			_ = b.c.Delete(t.Context(), account.DeepCopy()) // it may be there, and changed
		}
		err := b.c.Create(t.Context(), o)
		require.NoError(t, client.IgnoreAlreadyExists(err))
	}
	b.scale(t, 1)
	require.NoError(t, client.IgnoreAlreadyExists(b.c.Create(t.Context(), b.pod("replica", "ReplicaSet", "tcr-webhook-5f7d9c"))))
}

// pod is one that belongs to something. The API server asks for the
// ServiceAccount, which no controller makes here.
func (b *bed) pod(name, kind, owner string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: doomed, Name: name, OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: kind, Name: owner, UID: "1", Controller: new(true)}}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "a"}}},
	}
}

func (b *bed) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	var d appsv1.Deployment
	require.NoError(t, b.c.Get(t.Context(), client.ObjectKey{Namespace: doomed, Name: "tcr-webhook"}, &d))
	return &d
}

func (b *bed) scale(t *testing.T, n int32) {
	t.Helper()
	d := b.deployment(t)
	d.Spec.Replicas = &n
	require.NoError(t, b.c.Update(t.Context(), d))
}

// control is what a controller and a kubelet do for the Deployment, until the
// test ends: its pod ends soon after it is scaled to nothing.
func (b *bed) control(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	t.Cleanup(func() { stop(); ended.Wait() })
	ended.Go(func() {
		for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
			var d appsv1.Deployment
			if b.c.Get(ctx, client.ObjectKey{Namespace: doomed, Name: "tcr-webhook"}, &d) != nil {
				continue
			}
			if *d.Spec.Replicas == 0 {
				_ = b.c.Delete(ctx, b.pod("replica", "", ""), client.GracePeriodSeconds(0))
			}
			if d.Status.ObservedGeneration != d.Generation {
				d.Status.ObservedGeneration = d.Generation
				_ = b.c.Status().Update(ctx, &d)
			}
		}
	})
}

// run takes the installation out with rights alone.
func (b *bed) run(t *testing.T, user string, rights []one) (string, error) {
	t.Helper()
	grant(t, b.c, user, rights)
	config, err := shared.UserConfig(user)
	require.NoError(t, err)
	// RBAC takes effect a moment after it is written.
	require.EventuallyWithT(t, func(ct *assert.CollectT) {
		ok, err := allowed(t, b.c, user, rights[len(rights)-1])
		assert.NoError(ct, err)
		assert.True(ct, ok)
	}, 10*time.Second, 50*time.Millisecond)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, cluster.WriteKubeconfig(kubeconfig, config))
	out, err := exec.CommandContext(t.Context(), server, "uninstall", "--kubeconfig", kubeconfig, "--namespace", doomed, "--pull-secret", doomedPull).CombinedOutput()
	return string(out), err
}

func TestUninstall(t *testing.T) {
	t.Parallel()
	b := &bed{c: newClient(t, &warned{})}
	everywhere, own := hookRules(t, doomedPull)
	rights := append(each(false, everywhere), each(true, own)...)
	b.restore(t)
	b.control(t)
	before := unchanged(t, b.c)

	t.Run("its rights are enough", func(t *testing.T) { //nolint:paralleltest // there is one installation
		said, err := b.run(t, "uninstall-all", rights)
		require.NoError(t, err)
		assert.Empty(t, left(t, b.c, traces()))
		assert.Zero(t, *b.deployment(t).Spec.Replicas)
		assert.Less(t, strings.Index(said, "zz-tcr-webhook-policy"), strings.Index(said, "scaled deployment"), said)
		assert.Less(t, strings.Index(said, "scaled deployment"), strings.Index(said, "removed 2 Secrets uninstall-pull"), said)
		assert.Contains(t, said, "left 1 Secrets uninstall-pull that are not ours: uninstall-c")
		var builder corev1.ServiceAccount
		require.NoError(t, b.c.Get(t.Context(), client.ObjectKey{Namespace: "uninstall-b", Name: "builder"}, &builder))
		assert.Equal(t, []corev1.LocalObjectReference{{Name: "mine"}}, builder.ImagePullSecrets)
	})
	t.Run("each right is needed", func(t *testing.T) { //nolint:paralleltest // there is one installation
		for i, r := range rights {
			b.restore(t)
			fewer := slices.Delete(slices.Clone(rights), i, i+1)
			said, err := b.run(t, fmt.Sprintf("uninstall-but-%d", i), fewer)
			require.Error(t, err, "without %s: %s", r, said)
			assert.Contains(t, said, "forbidden", "without %s", r)
			assert.Contains(t, said, "run it again to go on")
			assert.NotEmpty(t, append(left(t, b.c, traces()), strings.Repeat("replica", int(*b.deployment(t).Spec.Replicas))), "without %s", r)
			// What was interrupted is gone on with.
			_, err = b.run(t, fmt.Sprintf("uninstall-again-%d", i), rights)
			require.NoError(t, err)
			assert.Empty(t, left(t, b.c, traces()))
		}
	})
	t.Run("by hand", func(t *testing.T) { //nolint:paralleltest // there is one installation
		b.restore(t)
		uninstallByHand(t, b)
	})
	assert.Empty(t, cmp.Diff(before, unchanged(t, b.c)), "what is not ours has changed")
}

// unchanged is what must stay as it is, by name and version.
func unchanged(t *testing.T, c client.Client) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for _, o := range others() {
		require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(o), o))
		versions[fmt.Sprintf("%T %s/%s", o, o.GetNamespace(), o.GetName())] = o.GetResourceVersion()
	}
	return versions
}

func uninstallByHand(t *testing.T, b *bed) {
	t.Helper()
	plan := kubectlTCR(t, "uninstall", "--install-namespace", doomed, "--dry-run")
	require.Equal(t, 0, plan.code, plan.stderr)
	assert.Equal(t, `delete validatingwebhookconfigurations/zz-tcr-webhook-policy
delete validatingwebhookconfigurations/zz-tcr-webhook
delete mutatingwebhookconfigurations/zz-tcr-webhook
delete mutatingwebhookconfigurations/zz-tcr-webhook-always
scale deployments/tcr-webhook in uninstall-tcr from 1 to 0, and wait until its pods have ended
delete secrets/uninstall-pull in uninstall-a, uninstall-b
leave secrets/uninstall-pull in uninstall-c, which is not ours
take our name out of imagePullSecrets of serviceaccounts/builder in uninstall-b
delete secrets/tcr-webhook-tokens in uninstall-tcr
delete secrets/tcr-webhook-ca in uninstall-tcr
delete configmaps/tcr-webhook-hosts in uninstall-tcr
delete configmaps/tcr-webhook-status in uninstall-tcr
delete leases/tcr-webhook in uninstall-tcr
`, plan.stdout)
	assert.Equal(t, "Nothing was changed.\n", plan.stderr)

	asked := kubectlTCR(t, "uninstall", "--install-namespace", doomed) // and nobody answers
	assert.Equal(t, 2, asked.code)
	assert.Contains(t, asked.stderr, "nothing was changed, since the answer was not yes")
	assert.Len(t, left(t, b.c, traces()), len(traces()))

	done := kubectlTCR(t, "uninstall", "--install-namespace", doomed, "--yes")
	assert.Equal(t, 0, done.code, done.stderr)
	assert.Contains(t, done.stderr, "Next: helm uninstall tcr -n uninstall-tcr")
	assert.Empty(t, left(t, b.c, traces()))
	again := kubectlTCR(t, "uninstall", "--install-namespace", doomed, "--yes")
	assert.Equal(t, 0, again.code, again.stderr)
}

// allowed asks the API server whether a user has a right.
func allowed(t *testing.T, c client.Client, user string, r one) (bool, error) {
	t.Helper()
	resource, sub, _ := strings.Cut(r.resource, "/")
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
		Group: r.group, Resource: resource, Subresource: sub, Name: r.name, Verb: r.verb,
	}}}
	if r.own {
		review.Spec.ResourceAttributes.Namespace = doomed
	}
	err := c.Create(t.Context(), review)
	return review.Status.Allowed, err
}
