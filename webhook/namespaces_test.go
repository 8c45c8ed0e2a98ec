package webhook

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// expected is a Deliveries that notes what it is told.
type expected []string

func (e *expected) Expect(namespace string) { *e = append(*e, namespace) }

func testNamespaces(t *testing.T) (http.Handler, *expected, *prometheus.Registry) {
	t.Helper()
	metrics := prometheus.NewRegistry()
	m, err := NewMetrics(metrics)
	require.NoError(t, err)
	state, told := testState(t), new(expected)
	n, err := NewNamespaces(NamespacesOptions{Snapshot: func() *State { return state }, Deliveries: told, Metrics: m})
	require.NoError(t, err)
	return n, told, metrics
}

// namespaceReview is a question about a namespace; edit changes its request.
func namespaceReview(t testing.TB, operation, object, old string, edit func(request map[string]any)) []byte {
	t.Helper()
	request := map[string]any{
		"uid": "705ab4f5", "kind": map[string]string{"group": "", "version": "v1", "kind": "Namespace"},
		"operation": operation, "name": "shop", "object": json.RawMessage(object), "oldObject": json.RawMessage(old),
	}
	if edit != nil {
		edit(request)
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
	require.NoError(t, err)
	return text
}

func TestNamespaces(t *testing.T) {
	t.Parallel()
	const (
		plain   = `{"metadata":{"name":"shop"}}`
		right   = `{"metadata":{"name":"shop","annotations":{"tcr-webhook.io/deliver":"tcr-demo0001"}}}`
		wrong   = `{"metadata":{"name":"shop","annotations":{"tcr-webhook.io/deliver":"tcr-demo0001,tcr-gold0006, typo"}}}`
		gold    = `{"metadata":{"name":"shop","labels":{"tier":"gold"},"annotations":{"tcr-webhook.io/deliver":"tcr-gold0006"}}}`
		dying   = `{"metadata":{"name":"shop","deletionTimestamp":"2026-01-01T00:00:00Z","annotations":{"tcr-webhook.io/deliver":"tcr-demo0001"}}}`
		message = `annotation tcr-webhook.io/deliver names "tcr-gold0006,typo": namespace "shop" may name tcr-demo0001, tcr-open0002, tcr-xvpc0003, tcr-nopv0005; it hastens a login and cannot grant one, which the configuration of tcr-webhook does`
	)
	set := func(key string, value any) func(map[string]any) { return func(r map[string]any) { r[key] = value } }
	tests := map[string]struct {
		operation, object, old string
		edit                   func(map[string]any)
		denied                 string
		expected               expected
		audit                  map[string]string
		result                 string
	}{
		"a new one that names nothing is nothing to us": {operation: "CREATE", object: plain, old: "null", result: "unchanged"},
		"a new one that names what it may have gets it": {operation: "CREATE", object: right, old: "null",
			expected: expected{"shop"}, audit: map[string]string{"delivery": "Started"}, result: "delivering"},
		"its labels count as they are sent": {operation: "CREATE", object: gold, old: "null",
			expected: expected{"shop"}, audit: map[string]string{"delivery": "Started"}, result: "delivering"},
		"a dry run starts nothing": {operation: "CREATE", object: right, old: "null", edit: set("dryRun", true),
			audit: map[string]string{"delivery": "DryRun"}, result: "delivering"},
		"a new one that names what it may not have is denied": {operation: "CREATE", object: wrong, old: "null", denied: message, result: "denied"},
		"as is one that is changed to":                        {operation: "UPDATE", object: wrong, old: right, denied: message, result: "denied"},
		"a dry run is denied as well":                         {operation: "CREATE", object: wrong, old: "null", edit: set("dryRun", true), denied: message, result: "denied"},
		"one that was wrong before can be changed otherwise":  {operation: "UPDATE", object: wrong, old: wrong, audit: map[string]string{"skipped": "DeliverUnchanged"}, result: "skipped"},
		"one that is put right gets what it names":            {operation: "UPDATE", object: right, old: wrong, expected: expected{"shop"}, audit: map[string]string{"delivery": "Started"}, result: "delivering"},
		"taking the annotation away is fine":                  {operation: "UPDATE", object: plain, old: wrong, result: "unchanged"},
		"one that is being deleted is left alone":             {operation: "UPDATE", object: dying, old: plain, audit: map[string]string{"skipped": "Deleting"}, result: "skipped"},
		"a deletion is not our business":                      {operation: "DELETE", object: "null", old: right, audit: map[string]string{"skipped": "NotANamespace"}, result: "skipped"},
		"nor is a subresource":                                {operation: "UPDATE", object: right, old: plain, edit: set("subResource", "status"), audit: map[string]string{"skipped": "NotANamespace"}, result: "skipped"},
		"nor is another kind":                                 {operation: "CREATE", object: right, old: "null", edit: set("kind", map[string]string{"group": "x", "kind": "Namespace"}), audit: map[string]string{"skipped": "NotANamespace"}, result: "skipped"},
		"a name that the API server made up is in the object": {operation: "CREATE", object: right, old: "null", edit: set("name", ""), expected: expected{"shop"}, audit: map[string]string{"delivery": "Started"}, result: "delivering"},
		"one that gets nothing is told so":                    {operation: "CREATE", object: strings.ReplaceAll(right, "demo0001", "gone0000"), old: "null", denied: strings.Replace(message, "tcr-gold0006,typo", "tcr-gone0000", 1), result: "denied"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, told, metrics := testNamespaces(t)
			got := verdictOf(t, n, namespaceReview(t, tt.operation, tt.object, tt.old, tt.edit))
			assert.Equal(t, tt.denied == "", got.Allowed)
			assert.Equal(t, tt.expected, *told)
			assert.Equal(t, tt.audit, got.AuditAnnotations)
			assert.Empty(t, got.Warnings)
			if tt.denied != "" {
				assert.Equal(t, tt.denied, got.Result.Message)
				assert.Equal(t, int32(http.StatusForbidden), got.Result.Code)
			}
			assert.NoError(t, testutil.GatherAndCompare(metrics, strings.NewReader(`
# HELP tcr_webhook_admissions_total Calls of the API server by webhook and result.
# TYPE tcr_webhook_admissions_total counter
tcr_webhook_admissions_total{result="`+tt.result+`",webhook="namespaces"} 1
`), "tcr_webhook_admissions_total"))
		})
	}
}

func TestRefusalWhereNothingIsServed(t *testing.T) {
	t.Parallel()
	assert.Contains(t, refusal("shop", []string{"tcr-a"}, nil), "may name nothing, since no registry is configured for it")
}

func TestNamespacesNeverDeniesForAFaultOfItsOwn(t *testing.T) {
	t.Parallel()
	m, err := NewMetrics(prometheus.NewRegistry())
	require.NoError(t, err)
	n, err := NewNamespaces(NamespacesOptions{Snapshot: func() *State { return nil }, Deliveries: new(expected), Metrics: m})
	require.NoError(t, err)
	for body, want := range map[string]int{
		string(namespaceReview(t, "CREATE", `{}`, "null", nil)): http.StatusServiceUnavailable, // there is nothing to decide by
		"{}": http.StatusBadRequest,
		"x":  http.StatusBadRequest,
	} {
		w := httptest.NewRecorder()
		r := newCall(t.Context(), []byte(body))
		r.URL.RawQuery = "timeout=10ms"
		n.ServeHTTP(w, r)
		assert.Equal(t, want, w.Code)
	}
}

func TestNewNamespacesWantsEverything(t *testing.T) {
	t.Parallel()
	_, err := NewNamespaces(NamespacesOptions{})
	require.Error(t, err)
}
