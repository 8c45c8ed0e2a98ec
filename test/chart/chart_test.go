package chart

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// minimal are the values that nobody can do without.
func minimal(more ...Values) Values {
	values := Values{"config": Values{
		"tencentCloud": Values{"region": "ap-guangzhou"},
		"registries":   []any{Values{"instance": "tcr-m3ut3qxx"}},
	}}
	for _, m := range more {
		merge(values, m)
	}
	return values
}

func merge(into, from Values) {
	for k, v := range from {
		inner, isMap := v.(Values)
		if old, both := into[k].(Values); both && isMap {
			merge(old, inner)
			continue
		}
		into[k] = v
	}
}

// names are the objects as Kind/name.
func names(objects []*unstructured.Unstructured) []string {
	list := make([]string, 0, len(objects))
	for _, o := range objects {
		list = append(list, o.GetKind()+"/"+o.GetName())
	}
	return list
}

func TestWhatIsRenderedByDefault(t *testing.T) {
	t.Parallel()
	objects, err := Render(minimal())
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{
		"NetworkPolicy/tcr-webhook", "PodDisruptionBudget/tcr-webhook", "ServiceAccount/tcr-webhook", "ConfigMap/tcr-webhook-config",
		"ClusterRole/tcr-webhook", "ClusterRoleBinding/tcr-webhook", "Role/tcr-webhook", "RoleBinding/tcr-webhook",
		"Service/tcr-webhook", "Deployment/tcr-webhook", "FlowSchema/tcr-webhook",
		"MutatingWebhookConfiguration/zz-tcr-webhook", "ValidatingWebhookConfiguration/zz-tcr-webhook", "ValidatingWebhookConfiguration/zz-tcr-webhook-policy",
		"ValidatingAdmissionPolicy/tcr-webhook-secrets", "ValidatingAdmissionPolicyBinding/tcr-webhook-secrets",
		"ValidatingAdmissionPolicy/tcr-webhook-registrations", "ValidatingAdmissionPolicyBinding/tcr-webhook-registrations",
		"ValidatingAdmissionPolicy/tcr-webhook-cabundle", "ValidatingAdmissionPolicyBinding/tcr-webhook-cabundle",
	}, names(objects))
}

// deploy/install.yaml is what the chart makes of its defaults.
func TestInstallIsRendered(t *testing.T) {
	t.Parallel()
	want, err := Install()
	require.NoError(t, err)
	got, err := os.ReadFile(InstallFile())
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(want, string(got)), "deploy/install.yaml is not what the chart renders: go run ./test/chart/render")
}
