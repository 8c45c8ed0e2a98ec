package registration

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/test/chart"
)

// deployed are the registrations as the chart has them by default, after their
// certificate authority was filled in; edit changes their text.
func deployed(t testing.TB, edit ...string) Live {
	t.Helper()
	live := Live{Mutating: new(admissionregistrationv1.MutatingWebhookConfiguration), Validating: new(admissionregistrationv1.ValidatingWebhookConfiguration)}
	texts := map[any]string{live.Mutating: "MutatingWebhookConfiguration/" + Name, live.Validating: "ValidatingWebhookConfiguration/" + Name}
	all := ""
	for into, id := range texts {
		texts[into] = rendered(t, id, chart.InstallValues())
		all += texts[into]
	}
	for i := 0; i+1 < len(edit); i += 2 {
		require.Contains(t, all, edit[i])
	}
	for into, text := range texts {
		for i := 0; i+1 < len(edit); i += 2 {
			text = strings.ReplaceAll(text, edit[i], edit[i+1])
		}
		require.NoError(t, yaml.UnmarshalStrict([]byte(text), into))
	}
	for i := range live.Mutating.Webhooks {
		live.Mutating.Webhooks[i].ClientConfig.CABundle = []byte("pem")
	}
	for i := range live.Validating.Webhooks {
		live.Validating.Webhooks[i].ClientConfig.CABundle = []byte("pem")
	}
	return live
}

// rendered is an object of the chart, Kind/name, as YAML.
func rendered(t testing.TB, id string, values chart.Values) string {
	t.Helper()
	objects, err := chart.Render(values)
	require.NoError(t, err)
	for _, o := range objects {
		if o.GetKind()+"/"+o.GetName() == id {
			text, err := yaml.Marshal(o)
			require.NoError(t, err)
			return string(text)
		}
	}
	require.Fail(t, "the chart renders no "+id)
	return ""
}

const (
	named = "^[^/]+[.]tencentcloudcr[.]com(:443)?/"
	wider = "^([^/]+[.]tencentcloudcr[.]com|r[.]example[.]com)(:443)?/"
)

var demoHosts = []registry.Host{"demo.tencentcloudcr.com", "demo-vpc.tencentcloudcr.com"}

func TestGaps(t *testing.T) {
	t.Parallel()
	custom := append([]registry.Host{"r.example.com"}, demoHosts...)
	everywhere := func(h registry.Host) []Gap {
		var gaps []Gap
		for _, in := range []string{"pods.tcr-webhook.io", "pods-best-effort.tcr-webhook.io", "final-pods.tcr-webhook.io"} {
			gaps = append(gaps, Gap{Kind: HostNotNamed, In: in, Host: h})
		}
		return gaps
	}
	fail := admissionregistrationv1.Fail
	tests := []struct {
		name  string
		edit  []string
		do    func(*Live)
		hosts []registry.Host
		want  []Gap
	}{
		{name: "as deployed", hosts: demoHosts},
		{name: "before any host is known"},
		{name: "a custom host that is not named", hosts: custom, want: everywhere("r.example.com")},
		{name: "a custom host that is named", edit: []string{named, wider}, hosts: custom},
		{name: "a mirror's name as an instance's", hosts: []registry.Host{"quay.tencentcloudcr.com"}, want: everywhere("quay.tencentcloudcr.com")},
		{name: "a host that only looks alike", hosts: []registry.Host{"demo-tencentcloudcr.com"}, want: everywhere("demo-tencentcloudcr.com")},
		{
			name: "one host spelled out", edit: []string{named, "^demo[.]tencentcloudcr[.]com/"}, hosts: demoHosts,
			want: everywhere("demo-vpc.tencentcloudcr.com"),
		},
		{
			name: "one entry that differs from the others", hosts: custom, edit: []string{named, wider},
			do: func(l *Live) {
				c := &l.Validating.Webhooks[0].MatchConditions[0]
				c.Expression = strings.ReplaceAll(c.Expression, "|r[.]example[.]com", "")
			},
			want: []Gap{{Kind: HostNotNamed, In: "final-pods.tcr-webhook.io", Host: "r.example.com"}},
		},
		{name: "no conditions at all", hosts: custom, do: func(l *Live) {
			l.Mutating.Webhooks[0].MatchConditions, l.Mutating.Webhooks[1].MatchConditions, l.Validating.Webhooks[0].MatchConditions = nil, nil, nil
		}},
		{
			name: "a condition of another form", hosts: custom,
			do: func(l *Live) {
				l.Mutating.Webhooks[0].MatchConditions[0].Expression = "size(object.spec.containers.filter(c, c.image.startsWith('r.'))) > 0"
			},
			want: append([]Gap{{Kind: NotUnderstood, In: "pods.tcr-webhook.io"}}, everywhere("r.example.com")[1:]...),
		},
		{
			name: "nothing registered", do: func(l *Live) { *l = Live{} }, hosts: demoHosts,
			want: []Gap{
				{Kind: Missing, In: "MutatingWebhookConfiguration zz-tcr-webhook"},
				{Kind: Missing, In: "ValidatingWebhookConfiguration zz-tcr-webhook"},
			},
		},
		{
			name: "entries that are gone", hosts: demoHosts,
			do: func(l *Live) {
				l.Mutating.Webhooks = l.Mutating.Webhooks[:1]
				l.Validating.Webhooks = nil
			},
			want: []Gap{
				{Kind: EntryMissing, In: "pods-best-effort.tcr-webhook.io"},
				{Kind: EntryMissing, In: "final-pods.tcr-webhook.io"},
				{Kind: EntryMissing, In: "namespaces.tcr-webhook.io"},
			},
		},
		{
			name: "a certificate authority that was emptied", hosts: demoHosts,
			do:   func(l *Live) { l.Mutating.Webhooks[0].ClientConfig.CABundle = nil },
			want: []Gap{{Kind: CABundleMissing, In: "pods.tcr-webhook.io"}},
		},
		{
			name: "entries that must not block and do", hosts: demoHosts,
			do: func(l *Live) {
				l.Mutating.Webhooks[1].FailurePolicy = &fail
				l.Validating.Webhooks[1].FailurePolicy = nil
			},
			want: []Gap{{Kind: FailurePolicyBlocks, In: "pods-best-effort.tcr-webhook.io"}, {Kind: FailurePolicyBlocks, In: "namespaces.tcr-webhook.io"}},
		},
		{
			name: "an entry that is never called", hosts: demoHosts,
			do: func(l *Live) {
				l.Mutating.Webhooks[1].Rules, l.Validating.Webhooks[1].Rules = nil, []admissionregistrationv1.RuleWithOperations{}
			},
			want: []Gap{{Kind: EntryMissing, In: "pods-best-effort.tcr-webhook.io"}, {Kind: EntryMissing, In: "namespaces.tcr-webhook.io"}},
		},
		{name: "Ignore by choice", edit: []string{"failurePolicy: Fail", "failurePolicy: Ignore"}, hosts: demoHosts},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			live := deployed(t, tt.edit...)
			if tt.do != nil {
				tt.do(&live)
			}
			assert.Empty(t, cmp.Diff(tt.want, Gaps(live, tt.hosts, NoAllowList)))
		})
	}
}

func TestGapsSayWhatToDo(t *testing.T) {
	t.Parallel()
	told := map[string]bool{}
	for _, in := range []string{"pods.tcr-webhook.io", policyPods, policyRegistration} {
		for _, kind := range Kinds() {
			text := Gap{Kind: kind, In: in, Host: "r.example.com"}.String()
			assert.Contains(t, text, in)
			assert.Less(t, len(text), 200, text)
			told[text] = true
		}
	}
	assert.Len(t, told, 3*len(Kinds()))
	assert.Contains(t, Gap{Kind: EntryMissing, In: "pods.tcr-webhook.io"}.String(), "zz-tcr-webhook lacks")
	assert.Contains(t, Gap{Kind: EntryMissing, In: policyWorkloads}.String(), "zz-tcr-webhook-policy lacks")
}

func BenchmarkGaps(b *testing.B) {
	live := Live{Mutating: deployed(b).Mutating}
	b.ReportAllocs()
	for b.Loop() {
		_ = Gaps(live, demoHosts, NoAllowList)
	}
}
