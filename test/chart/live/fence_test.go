package live

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

var ourLabel = map[string]string{"app.kubernetes.io/managed-by": "tcr-webhook"}

func secret(namespace, name string, kind corev1.SecretType, labels map[string]string) *corev1ac.SecretApplyConfiguration {
	s := corev1ac.Secret(name, namespace).WithType(kind).WithLabels(labels)
	switch kind { // what else it must have to be of its type
	case corev1.SecretTypeDockerConfigJson:
		s.WithData(map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths":{}}`)})
	case corev1.SecretTypeDockercfg:
		s.WithData(map[string][]byte{corev1.DockerConfigKey: []byte(`{}`)})
	case corev1.SecretTypeTLS:
		s.WithData(map[string][]byte{corev1.TLSCertKey: nil, corev1.TLSPrivateKeyKey: nil})
	case corev1.SecretTypeServiceAccountToken:
		s.WithAnnotations(map[string]string{corev1.ServiceAccountNameKey: "victim"})
	}
	return s
}

// Whatever RBAC lets our ServiceAccount do, it writes no Secret but its own.
func TestTheFenceAroundSecrets(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.apply(t, nil)
	b.namespace(t, "shop")
	us, policy := b.as(t, ours), "tcr-webhook-secrets"
	apply := func(c client.Client, s *corev1ac.SecretApplyConfiguration, o ...client.ApplyOption) error {
		return c.Apply(t.Context(), s, append(o, client.FieldOwner("tcr-webhook"), client.ForceOwnership)...)
	}
	eventually(t, "the policy to be in force", func() bool {
		return fenced(apply(us, secret("shop", "probe", corev1.SecretTypeOpaque, nil), client.DryRunAll), policy)
	})
	require.NoError(t, b.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "victim"}}))

	const docker = corev1.SecretTypeDockerConfigJson
	stolen := secret("shop", "tcr-pull", corev1.SecretTypeServiceAccountToken, ourLabel)
	for name, tt := range map[string]struct {
		secret *corev1ac.SecretApplyConfiguration
		right  bool
	}{
		"a pull Secret":                            {secret("shop", "tcr-pull", docker, ourLabel), true},
		"the tokens":                               {secret(chart.Release, "tcr-webhook-tokens", corev1.SecretTypeOpaque, ourLabel), true},
		"the authorities":                          {secret(chart.Release, "tcr-webhook-ca", corev1.SecretTypeOpaque, ourLabel), true},
		"another name":                             {secret("shop", "app-login", docker, ourLabel), false},
		"another name in kube-system":              {secret("kube-system", "tcr-pull-2", docker, ourLabel), false},
		"no label":                                 {secret("shop", "tcr-pull", docker, nil), false},
		"another's label":                          {secret("shop", "tcr-pull", docker, map[string]string{"app.kubernetes.io/managed-by": "Helm"}), false},
		"an opaque Secret":                         {secret("shop", "tcr-pull", corev1.SecretTypeOpaque, ourLabel), false},
		"a Secret that gets a token":               {stolen, false},
		"a pull Secret in our own namespace":       {secret(chart.Release, "tcr-pull", docker, ourLabel), false},
		"tokens as a pull Secret":                  {secret(chart.Release, "tcr-webhook-tokens", docker, ourLabel), false},
		"tokens that get a token":                  {secret(chart.Release, "tcr-webhook-tokens", corev1.SecretTypeServiceAccountToken, ourLabel), false},
		"tokens in another namespace":              {secret("shop", "tcr-webhook-tokens", corev1.SecretTypeOpaque, ourLabel), false},
		"authorities in another namespace":         {secret("shop", "tcr-webhook-ca", corev1.SecretTypeOpaque, ourLabel), false},
		"another Secret of our own namespace":      {secret(chart.Release, "tcr-webhook-credentials", corev1.SecretTypeOpaque, ourLabel), false},
		"Helm's Secret with what is installed":     {secret(chart.Release, "sh.helm.release.v1.tcr-webhook.v1", corev1.SecretTypeOpaque, ourLabel), false},
		"tokens without our label":                 {secret(chart.Release, "tcr-webhook-tokens", corev1.SecretTypeOpaque, nil), false},
		"a login of the first kind (dockercfg)":    {secret("shop", "tcr-pull", corev1.SecretTypeDockercfg, ourLabel), false},
		"a certificate under the name":             {secret("shop", "tcr-pull", corev1.SecretTypeTLS, ourLabel), false},
		"a bootstrap token in kube-system":         {secret("kube-system", "bootstrap-token-abcdef", "bootstrap.kubernetes.io/token", ourLabel), false},
		"an upper-case label value":                {secret("shop", "tcr-pull", docker, map[string]string{"app.kubernetes.io/managed-by": "TCR-webhook"}), false},
		"our name elsewhere, with a longer suffix": {secret("shop", "tcr-pull-2", docker, ourLabel), false},
	} {
		err := apply(us, tt.secret, client.DryRunAll)
		if tt.right {
			assert.NoError(t, err, name)
			continue
		}
		assert.True(t, fenced(err, policy), "%s: %v", name, err)
	}

	require.NoError(t, apply(us, secret("shop", "tcr-pull", docker, ourLabel)))
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":null}}`))
	var now corev1.Secret
	require.NoError(t, b.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "tcr-pull"}, &now))
	assert.True(t, fenced(us.Patch(t.Context(), now.DeepCopy(), patch), policy), "an update that takes the label away")
	assert.NoError(t, b.Patch(t.Context(), now.DeepCopy(), patch), "somebody else's update")
	assert.NoError(t, us.Delete(t.Context(), &now))
	stolen.WithName("anybodys")
	assert.NoError(t, apply(b.Client, stolen), "somebody else's Secret")
}

// fill writes a caBundle into every entry as the server does.
func fill(t *testing.T, c client.Client) {
	t.Helper()
	for _, r := range registrations(t, c) {
		require.NoError(t, c.Patch(t.Context(), r.object, client.RawPatch(types.JSONPatchType, steps(t, r, "Y2E="))), r.String())
	}
}

// steps is the JSON patch that sets the caBundle of all entries.
func steps(t *testing.T, r registration, bundle string) []byte {
	t.Helper()
	var patch []map[string]any
	for i, name := range r.entries {
		at := "/webhooks/" + string(rune('0'+i))
		patch = append(patch,
			map[string]any{"op": "test", "path": at + "/name", "value": name},
			map[string]any{"op": "add", "path": at + "/clientConfig/caBundle", "value": bundle})
	}
	data, err := json.Marshal(patch)
	require.NoError(t, err)
	return data
}

// registration is one of ours, whichever its kind.
type registration struct {
	object  client.Object
	entries []string
	bundles []string
}

func (r registration) String() string { return r.object.GetName() }

// registrations are those that are there.
func registrations(t *testing.T, c client.Client) (all []registration) {
	t.Helper()
	var mutating admissionregistrationv1.MutatingWebhookConfigurationList
	var validating admissionregistrationv1.ValidatingWebhookConfigurationList
	require.NoError(t, c.List(t.Context(), &mutating))
	require.NoError(t, c.List(t.Context(), &validating))
	for i := range mutating.Items {
		r := registration{object: &mutating.Items[i]}
		for _, w := range mutating.Items[i].Webhooks {
			r.entries, r.bundles = append(r.entries, w.Name), append(r.bundles, string(w.ClientConfig.CABundle))
		}
		all = append(all, r)
	}
	for i := range validating.Items {
		r := registration{object: &validating.Items[i]}
		for _, w := range validating.Items[i].Webhooks {
			r.entries, r.bundles = append(r.entries, w.Name), append(r.bundles, string(w.ClientConfig.CABundle))
		}
		all = append(all, r)
	}
	return all
}

func TestTheFenceAroundRegistrations(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.apply(t, chart.Values{"policyRegistration": "Fail", "inject": "Always"})
	us, policy := b.as(t, ours), "tcr-webhook-registrations"
	eventually(t, "the policy to be in force", func() bool {
		return fenced(us.Delete(t.Context(), registrations(t, b)[0].object, client.DryRunAll), policy)
	})
	fill(t, us)
	for _, r := range registrations(t, b) {
		for _, bundle := range r.bundles {
			assert.Equal(t, "ca", bundle, r.String())
		}
		assert.True(t, fenced(us.Delete(t.Context(), r.object, client.DryRunAll), policy), "delete %s", r)
		for _, patch := range []string{
			`[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"},{"op":"replace","path":"/webhooks/0/timeoutSeconds","value":7}]`,
			`[{"op":"replace","path":"/webhooks/0/clientConfig/service/name","value":"evil"}]`,
			`[{"op":"add","path":"/webhooks/0/clientConfig/service/port","value":8443}]`,
			`[{"op":"remove","path":"/webhooks/0/clientConfig/service"},{"op":"add","path":"/webhooks/0/clientConfig/url","value":"https://evil.example/"}]`,
			`[{"op":"add","path":"/webhooks/0/rules/-","value":{"operations":["*"],"apiGroups":["*"],"apiVersions":["*"],"resources":["*"]}}]`,
			`[{"op":"remove","path":"/webhooks/0/matchConditions"}]`,
			`[{"op":"add","path":"/webhooks/0/namespaceSelector","value":{}}]`,
			`[{"op":"remove","path":"/webhooks/0"}]`,
			`[{"op":"copy","from":"/webhooks/0","path":"/webhooks/-"},{"op":"replace","path":"/webhooks/0/name","value":"more.tcr-webhook.io"}]`,
			`[{"op":"replace","path":"/webhooks/0/name","value":"other.tcr-webhook.io"}]`,
			`[{"op":"add","path":"/metadata/labels/a","value":"b"}]`,
			`[{"op":"add","path":"/metadata/annotations/a","value":"b"}]`,
			`[{"op":"add","path":"/metadata/finalizers","value":["example.com/stay"]}]`,
			`[{"op":"add","path":"/webhooks/0/clientConfig/caBundle","value":"bmV3"},{"op":"replace","path":"/webhooks/0/sideEffects","value":"NoneOnDryRun"},{"op":"replace","path":"/webhooks/0/matchPolicy","value":"Exact"}]`,
		} {
			change := client.RawPatch(types.JSONPatchType, []byte(patch))
			assert.True(t, fenced(us.Patch(t.Context(), copied(r), change, client.DryRunAll), policy), "%s: %s", r, patch)
		}
		new := client.RawPatch(types.JSONPatchType, steps(t, r, "bmV3"))
		assert.NoError(t, us.Patch(t.Context(), copied(r), new, client.DryRunAll), "another authority in %s", r)
	}
	made := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "aa-evil"}}
	assert.True(t, fenced(us.Create(t.Context(), made), policy), "a registration of its own")
	assert.NoError(t, b.Create(t.Context(), made), "somebody else's")
	assert.True(t, fenced(us.Patch(t.Context(), made, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`))), policy))
}

func copied(r registration) client.Object {
	o, _ := r.object.DeepCopyObject().(client.Object)
	return o
}

func TestNobodyEmptiesACABundle(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.apply(t, nil)
	const policy = "tcr-webhook-cabundle"
	fill(t, b)
	empty := client.RawPatch(types.JSONPatchType, []byte(`[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`))
	eventually(t, "the policy to be in force", func() bool {
		return fenced(b.Patch(t.Context(), registrations(t, b)[0].object, empty, client.DryRunAll), policy)
	})
	us := b.as(t, ours)
	for _, r := range registrations(t, b) {
		for who, c := range map[string]client.Client{"we": us, "an administrator": b} {
			for _, patch := range []string{
				`[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]`,
				`[{"op":"replace","path":"/webhooks/1/clientConfig/caBundle","value":""}]`,
				`[{"op":"replace","path":"/webhooks/0/clientConfig/caBundle","value":null}]`,
			} {
				err := c.Patch(t.Context(), copied(r), client.RawPatch(types.JSONPatchType, []byte(patch)), client.DryRunAll)
				assert.True(t, fenced(err, policy), "%s in %s: %s: %v", who, r, patch, err)
			}
		}
		gone := client.RawPatch(types.JSONPatchType, []byte(`[{"op":"remove","path":"/webhooks/0"}]`))
		assert.NoError(t, b.Patch(t.Context(), copied(r), gone, client.DryRunAll), "an entry that is taken out of %s", r)
		other := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`))
		assert.NoError(t, b.Patch(t.Context(), copied(r), other, client.DryRunAll), "another change of %s", r)
	}
	b.apply(t, chart.Values{"policyRegistration": "Fail"}) // as an upgrade does
	for _, r := range registrations(t, b) {
		for i, bundle := range r.bundles {
			assert.Equal(t, "ca", bundle, "%s in %s", r.entries[i], r)
		}
		assert.NoError(t, b.Delete(t.Context(), r.object), "deletion of %s", r)
	}
	b.apply(t, nil) // a first install, or one after a deletion
	fill(t, us)

	require.NoError(t, b.Delete(t.Context(), &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: policy}}))
	eventually(t, "the policy to be out of force", func() bool {
		return b.Patch(t.Context(), registrations(t, b)[0].object, empty, client.DryRunAll) == nil
	})
}

func TestTheFenceAroundServiceAccounts(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.apply(t, chart.Values{"config": chart.Values{"pullSecret": chart.Values{"serviceAccounts": "OnRequest"}}})
	b.namespace(t, "shop")
	us, policy := b.as(t, ours), "tcr-webhook-service-accounts"
	made := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "made"}}
	eventually(t, "the policy to be in force", func() bool { return fenced(us.Create(t.Context(), made.DeepCopy(), client.DryRunAll), policy) })
	account := &corev1.ServiceAccount{
		ObjectMeta:       metav1.ObjectMeta{Namespace: "shop", Name: "tool", Annotations: map[string]string{"tcr-webhook.io/add-pull-secret": "true"}},
		ImagePullSecrets: []corev1.LocalObjectReference{{Name: "theirs"}},
	}
	require.NoError(t, b.Create(t.Context(), account))
	for patch, right := range map[string]bool{
		`[{"op":"add","path":"/imagePullSecrets/-","value":{"name":"tcr-pull"}},{"op":"add","path":"/metadata/annotations/tcr-webhook.io~1added-pull-secret","value":"tcr-pull"}]`: true,
		`[{"op":"add","path":"/imagePullSecrets/-","value":{"name":"another"}}]`:                                                                                                   false,
		`[{"op":"remove","path":"/imagePullSecrets/0"}]`:                                                                                                                           false,
		`[{"op":"add","path":"/metadata/annotations/eks.amazonaws.com~1role-arn","value":"admin"}]`:                                                                                false,
		`[{"op":"remove","path":"/metadata/annotations/tcr-webhook.io~1add-pull-secret"}]`:                                                                                         false,
		`[{"op":"replace","path":"/metadata/annotations/tcr-webhook.io~1add-pull-secret","value":"false"}]`:                                                                        false,
		`[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]`:                                                                                                               false,
		`[{"op":"add","path":"/secrets","value":[{"name":"admin-token"}]}]`:                                                                                                        false,
		`[{"op":"add","path":"/automountServiceAccountToken","value":false}]`:                                                                                                      false,
		`[{"op":"add","path":"/metadata/annotations/tcr-webhook.io~1added-pull-secret","value":"theirs"}]`:                                                                         true, // a note of our own
	} {
		err := us.Patch(t.Context(), account.DeepCopy(), client.RawPatch(types.JSONPatchType, []byte(patch)), client.DryRunAll)
		if right {
			assert.NoError(t, err, patch)
			continue
		}
		assert.True(t, fenced(err, policy), "%s: %v", patch, err)
	}
	account.Annotations["tcr-webhook.io/added-pull-secret"] = "tcr-before"
	account.ImagePullSecrets = append(account.ImagePullSecrets, corev1.LocalObjectReference{Name: "tcr-before"})
	require.NoError(t, b.Update(t.Context(), account))
	back := client.RawPatch(types.JSONPatchType, []byte(`[{"op":"remove","path":"/imagePullSecrets/1"},{"op":"remove","path":"/metadata/annotations/tcr-webhook.io~1added-pull-secret"}]`))
	assert.NoError(t, us.Patch(t.Context(), account, back), "a name that an earlier configuration added")
}
