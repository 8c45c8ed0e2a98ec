package registration

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

// allowList is the allow-list's registration as the chart has it, after its
// certificate authority was filled in.
func allowList(t *testing.T, how string) *admissionregistrationv1.ValidatingWebhookConfiguration {
	t.Helper()
	values := chart.InstallValues()
	values["policyRegistration"] = how
	c := new(admissionregistrationv1.ValidatingWebhookConfiguration)
	require.NoError(t, yaml.UnmarshalStrict([]byte(rendered(t, "ValidatingWebhookConfiguration/"+PolicyName, values)), c))
	for i := range c.Webhooks {
		c.Webhooks[i].ClientConfig.CABundle = []byte("pem")
	}
	return c
}

func TestGapsOfTheAllowList(t *testing.T) {
	t.Parallel()
	const (
		lenient = "Ignore"
		strict  = "Fail"
		asleep  = "Absent"
	)
	fail := admissionregistrationv1.Fail
	missing := []Gap{{Kind: Missing, In: policyRegistration}}
	unread := []Gap{{Kind: NotUnderstood, In: policyRegistration}}
	tests := []struct {
		name string
		how  string // policyRegistration; none is there if it is empty
		list AllowList
		do   func(*admissionregistrationv1.ValidatingWebhookConfiguration)
		// unread: it cannot be read.
		unread bool
		want   []Gap
	}{
		{name: "neither is there"},
		{name: "there is no allow-list, and what it would be asked by sleeps", how: asleep},
		{
			name: "rules, and what they would be asked by sleeps", how: asleep, list: Enforced,
			want: []Gap{{Kind: EntryMissing, In: policyPods}, {Kind: EntryMissing, In: policyWorkloads}},
		},
		{name: "neither is there, nor may it be read", unread: true},
		{name: "rules that are tried", how: lenient, list: Tried},
		{name: "rules that enforce", how: strict, list: Enforced},
		{name: "Fail before the first rule enforces", how: strict, list: Tried},
		{name: "Ignore while a rule enforces", how: lenient, list: Enforced, want: []Gap{{Kind: FailurePolicyAdmits, In: policyPods}}},
		{
			name: "no failurePolicy, which is Fail", how: lenient, list: Enforced,
			do: func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
				c.Webhooks[0].FailurePolicy, c.Webhooks[1].FailurePolicy = nil, nil
			},
			want: []Gap{{Kind: FailurePolicyBlocks, In: policyWorkloads}},
		},
		{
			name: "warnings that would block", how: strict, list: Enforced,
			do:   func(c *admissionregistrationv1.ValidatingWebhookConfiguration) { c.Webhooks[1].FailurePolicy = &fail },
			want: []Gap{{Kind: FailurePolicyBlocks, In: policyWorkloads}},
		},
		{name: "not registered while rules are tried", list: Tried, want: missing},
		{name: "not registered while a rule enforces", list: Enforced, want: missing},
		{name: "not readable while rules are tried", list: Tried, unread: true, want: unread},
		{name: "not readable while a rule enforces", list: Enforced, unread: true, want: unread},
		{
			name: "entries that are gone", how: strict, list: Enforced,
			do:   func(c *admissionregistrationv1.ValidatingWebhookConfiguration) { c.Webhooks = nil },
			want: []Gap{{Kind: EntryMissing, In: policyPods}, {Kind: EntryMissing, In: policyWorkloads}},
		},
		{
			name: "one entry that is gone", how: strict, list: Enforced,
			do:   func(c *admissionregistrationv1.ValidatingWebhookConfiguration) { c.Webhooks = c.Webhooks[1:] },
			want: []Gap{{Kind: EntryMissing, In: policyPods}},
		},
		{
			name: "a certificate authority that was emptied", how: strict, list: Enforced,
			do: func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
				c.Webhooks[0].ClientConfig.CABundle, c.Webhooks[1].ClientConfig.CABundle = nil, []byte{}
			},
			want: []Gap{{Kind: CABundleMissing, In: policyPods}, {Kind: CABundleMissing, In: policyWorkloads}},
		},
		{name: "left over without blocking", how: lenient, want: []Gap{{Kind: Leftover, In: policyRegistration}}},
		{name: "left over and blocking", how: strict, want: []Gap{{Kind: Leftover, In: policyRegistration}, {Kind: FailurePolicyBlocks, In: policyPods}}},
		{
			name: "left over without a failurePolicy", how: lenient,
			do:   func(c *admissionregistrationv1.ValidatingWebhookConfiguration) { c.Webhooks[1].FailurePolicy = nil },
			want: []Gap{{Kind: Leftover, In: policyRegistration}, {Kind: FailurePolicyBlocks, In: policyWorkloads}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			live := deployed(t)
			if tt.how != "" {
				live.Policy = allowList(t, tt.how)
			}
			if tt.do != nil {
				tt.do(live.Policy)
			}
			live.PolicyUnread = tt.unread
			assert.Empty(t, cmp.Diff(tt.want, Gaps(live, demoHosts, tt.list)))
		})
	}
}

// What is wrong with one registration hides nothing of the others.
func TestGapsOfAllRegistrations(t *testing.T) {
	t.Parallel()
	live := Live{Validating: deployed(t).Validating, PolicyUnread: true}
	assert.Empty(t, cmp.Diff([]Gap{
		{Kind: Missing, In: "MutatingWebhookConfiguration zz-tcr-webhook"},
		{Kind: NotUnderstood, In: policyRegistration},
	}, Gaps(live, demoHosts, Enforced)))
}
