package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// everythingOn has each feature that takes a right, and everythingValues gives
// the rights.
const everythingOn = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud: {region: ap-guangzhou, vpc: vpc-abc123, identity: SecretKey, endpoint: ENDPOINT}
registries:
- instance: tcr-m3ut3qxx
  route: Private
- name: personal
  hosts: [ccr.ccs.tencentyun.com]
  credentialSecret: ccr-login
pullSecret: {serviceAccounts: OnRequest}
nodeAgent: {enabled: true}
`

var everythingValues = chart.Values{
	"nodeAgent": chart.Values{"enabled": true},
	"config": chart.Values{
		"nodeAgent":  chart.Values{"enabled": true},
		"pullSecret": chart.Values{"serviceAccounts": "OnRequest"},
		"registries": []any{chart.Values{"name": "personal", "hosts": []any{"ccr.ccs.tencentyun.com"}, "credentialSecret": "ccr-login"}},
	},
}

// seldom are rights that this test need not see used, and what they are there for.
var seldom = map[string]string{
	"patch events.k8s.io/events *":     "an Event that is repeated within minutes is counted up",
	"patch /events " + stack.Namespace: "likewise, of the leader election",

	"get /namespaces *":       "a namespace that a pod names before the watch has told of it",
	"get /secrets * tcr-pull": "the logins that stay when one instance of several has none",
	"get /secrets " + stack.Namespace + " tcr-webhook-tokens":   "the tokens, once a write has met another's",
	"get /configmaps " + stack.Namespace + " tcr-webhook-hosts": "what is left of a node agent, where none is configured any more",
}

// streamed are resources that are watched: an API server that does not stream
// what is there (before 1.34) is asked for a list first.
var streamed = []string{"/namespaces", "/serviceaccounts", "/secrets", "admissionregistration.k8s.io/mutatingwebhookconfigurations", "admissionregistration.k8s.io/validatingwebhookconfigurations"}

// Each right that the chart gives is one that a call was seen to need: without
// it that call is refused, and this test and others fail.
func TestEveryRightIsUsed(t *testing.T) {
	t.Parallel()
	const life = 10 * time.Second
	s := start(t, stack.Options{Audit: true, Config: everythingOn, Values: everythingValues, Prepare: func(c *tencent.Cloud) { c.SetTokenLifetime(life) }})
	a := newAuthor(t, s)
	require.NoError(t, a.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: stack.Namespace, Name: "ccr-login"}, Type: corev1.SecretTypeBasicAuth,
		StringData: map[string]string{"username": "100000000001", "password": "of-the-personal-edition"},
	}))
	for _, namespace := range []string{"shop", "edited", "fixed", "foreign"} {
		a.namespace(t, namespace)
	}
	require.NoError(t, a.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "foreign", Name: "tcr-pull"}}))
	a.pod(t, "foreign", "hello", publicImage) // of which an Event tells
	for _, namespace := range []string{"shop", "edited", "fixed"} {
		a.pod(t, namespace, "hello", publicImage)
		eventually(t, "a Secret in "+namespace, func() bool { return a.secret(t, namespace) != nil })
	}
	edited := a.secret(t, "edited")
	edited.Data[corev1.DockerConfigJsonKey] = []byte(evilLogins)
	require.NoError(t, a.Update(t.Context(), edited))
	fixed := a.secret(t, "fixed")
	fixed.Immutable = new(true)
	require.NoError(t, a.Update(t.Context(), fixed))
	tool := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "tool", Annotations: map[string]string{"tcr-webhook.io/add-pull-secret": "true"}}}
	require.NoError(t, a.Create(t.Context(), tool))

	var unused []string
	assert.Eventually(t, func() bool {
		unused = unusedRights(t, s)
		return len(unused) == 0
	}, time.Minute, time.Second)
	assert.Empty(t, unused, "rights that no call needed")
	denied, err := s.Denied()
	require.NoError(t, err)
	assert.Empty(t, denied, "refused to our ServiceAccount")
}

// right is one verb on one name of one resource, as the roles give it.
type right struct {
	verb, resource, namespace, name string // namespace and name are empty for any
}

func (r right) String() string {
	at := r.namespace
	if at == "" {
		at = "*"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.verb, r.resource, at, r.name))
}

// allows tells whether a call of stack.Calls takes this right.
func (r right) allows(call string) bool {
	f := strings.Fields(call)
	return f[0] == r.verb && f[1] == r.resource && (r.namespace == "" || f[2] == r.namespace) && (r.name == "" || f[3] == r.name)
}

// unusedRights are those of our ServiceAccount's roles that no call took.
func unusedRights(t *testing.T, s *stack.Stack) (unused []string) {
	t.Helper()
	calls, err := s.Calls()
	require.NoError(t, err)
	for _, r := range rights(t, s) {
		if r.verb == "list" && slices.Contains(streamed, r.resource) {
			r.verb = "watch" // without which nobody lists
		}
		if seldom[r.String()] == "" && !slices.ContainsFunc(calls, r.allows) {
			unused = append(unused, r.String())
		}
	}
	return unused
}

// rights are those of the roles that the chart makes for the server.
func rights(t *testing.T, s *stack.Stack) (all []right) {
	t.Helper()
	var roles rbacv1.RoleList
	var clusterRoles rbacv1.ClusterRoleList
	ofServer := client.MatchingLabels{"app.kubernetes.io/name": "tcr-webhook", "app.kubernetes.io/component": "server"}
	require.NoError(t, s.Client.List(t.Context(), &roles, ofServer))
	require.NoError(t, s.Client.List(t.Context(), &clusterRoles, ofServer))
	add := func(namespace string, rules []rbacv1.PolicyRule) {
		for _, r := range rules {
			names := r.ResourceNames
			if len(names) == 0 {
				names = []string{""}
			}
			for _, group := range r.APIGroups {
				for _, resource := range r.Resources {
					for _, name := range names {
						for _, verb := range r.Verbs {
							all = append(all, right{verb, group + "/" + resource, namespace, name})
						}
					}
				}
			}
		}
	}
	for i := range roles.Items {
		add(roles.Items[i].Namespace, roles.Items[i].Rules)
	}
	for i := range clusterRoles.Items {
		add("", clusterRoles.Items[i].Rules)
	}
	require.NotEmpty(t, all)
	return all
}
