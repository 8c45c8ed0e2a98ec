package integration

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

const (
	policyTried = `policy:
  rules:
  - {name: only-ours, allow: [tcr-m3ut3qxx]}
`
	policyEnforced = `policy:
  rules:
  - {name: only-ours, allow: [tcr-m3ut3qxx], action: Enforce}
`
)

// What is said of the allow-list's registration follows the configuration.
func TestTheAllowListsRegistrationHasToFit(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{Audit: true, Certs: "provided", Values: chart.Values{"admissionPolicies": chart.Values{"guardCABundle": false}}})
	a := newAuthor(t, s)
	gaps := func(kind string) int { return counted(t, s, `tcr_webhook_registration_gaps{kind="`+kind+`"}`) }
	say := func(want string) document {
		t.Helper()
		return a.awaitCondition(t, s, "RegistrationsMatch", want)
	}
	configure := func(more string) {
		t.Helper()
		require.NoError(t, s.WriteConfig(stack.DefaultConfig+more))
	}
	change := func(do func(*admissionregistrationv1.ValidatingWebhookConfiguration)) {
		t.Helper()
		var c admissionregistrationv1.ValidatingWebhookConfiguration
		require.NoError(t, a.Get(t.Context(), client.ObjectKey{Name: "zz-tcr-webhook-policy"}, &c))
		do(&c)
		require.NoError(t, a.Update(t.Context(), &c))
	}
	say("True RegistrationsComplete")

	configure(policyTried)
	d := say("False RegistrationIncomplete")
	require.Len(t, d.Registrations, 2)
	assert.Contains(t, d.Registrations[0], "zz-tcr-webhook-policy lacks the webhook policy.tcr-webhook.io, or its rules")
	assert.Equal(t, 2, gaps("EntryMissing"))
	remove := func() {
		require.NoError(t, a.Delete(t.Context(), &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "zz-tcr-webhook-policy"}}))
	}
	remove()
	d = say("False RegistrationMissing")
	assert.Equal(t, []string{"ValidatingWebhookConfiguration zz-tcr-webhook-policy does not exist, so the allow-list judges no pod: apply the registration"}, d.Registrations)
	assert.Equal(t, 1, gaps("Missing"))
	assert.Contains(t, a.awaitEvent(t, s, stack.Namespace, "RegistrationMissing").Note, "zz-tcr-webhook-policy")
	require.NoError(t, s.Register(t.Context(), policyRegistration("Ignore")))
	say("True RegistrationsComplete")
	assert.Zero(t, gaps("Missing"))

	configure(policyEnforced)
	d = say("False RegistrationIncomplete")
	require.Len(t, d.Registrations, 1)
	assert.Contains(t, d.Registrations[0], "policy.tcr-webhook.io has failurePolicy Ignore")
	assert.Equal(t, 1, gaps("FailurePolicyAdmits"))
	require.NoError(t, s.Register(t.Context(), policyRegistration("Fail")))
	say("True RegistrationsComplete")

	change(func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
		c.Webhooks[0].ClientConfig.CABundle = nil
		c.Webhooks = c.Webhooks[:1]
	})
	assert.Len(t, say("False RegistrationIncomplete").Registrations, 2)
	assert.Equal(t, []int{1, 1, 0}, []int{gaps("CABundleMissing"), gaps("EntryMissing"), gaps("FailurePolicyAdmits")})
	require.NoError(t, s.Register(t.Context(), policyRegistration("Fail")))
	say("True RegistrationsComplete")

	configure("")
	d = say("False RegistrationLeftover")
	assert.Len(t, d.Registrations, 2)
	assert.Equal(t, []int{1, 1}, []int{gaps("Leftover"), gaps("FailurePolicyBlocks")})
	change(func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
		ignore := admissionregistrationv1.Ignore
		c.Webhooks[0].FailurePolicy = &ignore
	})
	eventually(t, "one gap of two to be gone", func() bool { return gaps("FailurePolicyBlocks") == 0 && gaps("Leftover") == 1 })
	require.NoError(t, s.Register(t.Context(), policyRegistration("Absent")))
	assert.Empty(t, say("True RegistrationsComplete").Registrations)
	remove()
	assert.Empty(t, say("True RegistrationsComplete").Registrations, "nothing calls for it")

	denied, err := s.Denied()
	require.NoError(t, err)
	assert.Empty(t, denied, "refused to our ServiceAccount")
}

// The program is upgraded before the rights for the second name are granted.
func TestAnUnreadableRegistrationHidesNoOther(t *testing.T) {
	t.Parallel()
	s := start(t, stack.Options{})
	a := newAuthor(t, s)
	grant := func(registrations ...string) {
		t.Helper()
		var role rbacv1.ClusterRole
		require.NoError(t, s.Client.Get(t.Context(), client.ObjectKey{Name: "tcr-webhook"}, &role))
		i := slices.IndexFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
			return slices.Equal(r.Resources, []string{"validatingwebhookconfigurations"})
		})
		require.NotEqual(t, -1, i)
		role.Rules[i].ResourceNames = registrations
		require.NoError(t, s.Client.Update(t.Context(), &role))
	}
	a.awaitCondition(t, s, "RegistrationsMatch", "True RegistrationsComplete")
	require.NoError(t, s.Server.Stop())
	grant("zz-tcr-webhook")
	require.NoError(t, s.WriteConfig(stack.DefaultConfig+policyEnforced))
	require.NoError(t, s.Server.Restart(t.Context()))

	d := a.awaitCondition(t, s, "RegistrationsMatch", "Unknown RegistrationsNotReadable")
	assert.Contains(t, d.condition("RegistrationsMatch").Message, "zz-tcr-webhook-policy cannot be read")
	var validating admissionregistrationv1.ValidatingWebhookConfiguration
	require.NoError(t, a.Get(t.Context(), client.ObjectKey{Name: "zz-tcr-webhook"}, &validating))
	require.NoError(t, a.Delete(t.Context(), &validating))
	d = a.awaitCondition(t, s, "RegistrationsMatch", "False RegistrationMissing")
	assert.Len(t, d.Registrations, 2)
	require.NoError(t, s.Register(t.Context(), policyRegistration("Fail")))

	grant("zz-tcr-webhook", "zz-tcr-webhook-policy")
	require.NoError(t, s.Server.Stop())
	require.NoError(t, s.Server.Restart(t.Context()))
	a.awaitCondition(t, s, "RegistrationsMatch", "True RegistrationsComplete")
}
