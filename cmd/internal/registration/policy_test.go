package registration

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"
)

// allowList is the allow-list's registration as a file of deploy has it, after
// its certificate authority was filled in.
func allowList(t *testing.T, file string) *admissionregistrationv1.ValidatingWebhookConfiguration {
	t.Helper()
	data, err := os.ReadFile("../../../deploy/" + file)
	require.NoError(t, err)
	var list struct {
		Items []admissionregistrationv1.ValidatingWebhookConfiguration `json:"items"`
	}
	require.NoError(t, yaml.Unmarshal(data, &list))
	require.Len(t, list.Items, 1)
	c := &list.Items[0]
	require.Equal(t, PolicyName, c.Name)
	for i := range c.Webhooks {
		c.Webhooks[i].ClientConfig.CABundle = []byte("pem")
	}
	return c
}

func TestGapsOfTheAllowList(t *testing.T) {
	t.Parallel()
	const (
		lenient = "registration-policy.yaml"
		strict  = "registration-policy-enforce.yaml"
	)
	fail := admissionregistrationv1.Fail
	missing := []Gap{{Kind: Missing, In: policyRegistration}}
	unread := []Gap{{Kind: NotUnderstood, In: policyRegistration}}
	tests := []struct {
		name string
		file string // none is there if it is empty
		list AllowList
		do   func(*admissionregistrationv1.ValidatingWebhookConfiguration)
		// unread: it cannot be read.
		unread bool
		want   []Gap
	}{
		{name: "neither is there"},
		{name: "neither is there, nor may it be read", unread: true},
		{name: "rules that are tried", file: lenient, list: Tried},
		{name: "rules that enforce", file: strict, list: Enforced},
		{name: "Fail before the first rule enforces", file: strict, list: Tried},
		{name: "Ignore while a rule enforces", file: lenient, list: Enforced, want: []Gap{{Kind: FailurePolicyAdmits, In: policyPods}}},
		{
			name: "no failurePolicy, which is Fail", file: lenient, list: Enforced,
			do: func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
				c.Webhooks[0].FailurePolicy, c.Webhooks[1].FailurePolicy = nil, nil
			},
			want: []Gap{{Kind: FailurePolicyBlocks, In: policyWorkloads}},
		},
		{
			name: "warnings that would block", file: strict, list: Enforced,
			do:   func(c *admissionregistrationv1.ValidatingWebhookConfiguration) { c.Webhooks[1].FailurePolicy = &fail },
			want: []Gap{{Kind: FailurePolicyBlocks, In: policyWorkloads}},
		},
		{name: "not registered while rules are tried", list: Tried, want: missing},
		{name: "not registered while a rule enforces", list: Enforced, want: missing},
		{name: "not readable while rules are tried", list: Tried, unread: true, want: unread},
		{name: "not readable while a rule enforces", list: Enforced, unread: true, want: unread},
		{
			name: "entries that are gone", file: strict, list: Enforced,
			do:   func(c *admissionregistrationv1.ValidatingWebhookConfiguration) { c.Webhooks = nil },
			want: []Gap{{Kind: EntryMissing, In: policyPods}, {Kind: EntryMissing, In: policyWorkloads}},
		},
		{
			name: "one entry that is gone", file: strict, list: Enforced,
			do:   func(c *admissionregistrationv1.ValidatingWebhookConfiguration) { c.Webhooks = c.Webhooks[1:] },
			want: []Gap{{Kind: EntryMissing, In: policyPods}},
		},
		{
			name: "a certificate authority that was emptied", file: strict, list: Enforced,
			do: func(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
				c.Webhooks[0].ClientConfig.CABundle, c.Webhooks[1].ClientConfig.CABundle = nil, []byte{}
			},
			want: []Gap{{Kind: CABundleMissing, In: policyPods}, {Kind: CABundleMissing, In: policyWorkloads}},
		},
		{name: "left over without blocking", file: lenient, want: []Gap{{Kind: Leftover, In: policyRegistration}}},
		{name: "left over and blocking", file: strict, want: []Gap{{Kind: Leftover, In: policyRegistration}, {Kind: FailurePolicyBlocks, In: policyPods}}},
		{
			name: "left over without a failurePolicy", file: lenient,
			do:   func(c *admissionregistrationv1.ValidatingWebhookConfiguration) { c.Webhooks[1].FailurePolicy = nil },
			want: []Gap{{Kind: Leftover, In: policyRegistration}, {Kind: FailurePolicyBlocks, In: policyWorkloads}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			live := deployed(t)
			if tt.file != "" {
				live.Policy = allowList(t, tt.file)
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
