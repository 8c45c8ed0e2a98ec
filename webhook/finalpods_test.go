package webhook

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
)

// verdictOf posts body to handler and reads what the answer says.
func verdictOf(t *testing.T, handler http.Handler, body []byte) *admissionv1.AdmissionResponse {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, newCall(t.Context(), body))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var review admissionv1.AdmissionReview
	decoder := json.NewDecoder(w.Body)
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&review))
	require.NotNil(t, review.Response)
	assert.Equal(t, "705ab4f5", string(review.Response.UID))
	assert.Empty(t, review.Response.Patch, "a validating webhook cannot change anything")
	return review.Response
}

func TestFinalPods(t *testing.T) {
	t.Parallel()
	enforced := map[string]string{EnforceMountableSecretsAnnotation: "true"}
	const late = `tcr-webhook: containers/app: the image needs the pull secret "tcr-pull", which this pod does not name; another webhook brought it after tcr-webhook, or tcr-webhook was not asked: have the other run before zz-tcr-webhook`
	tests := map[string]struct {
		spec      string
		labels    string
		operation string
		account   map[string]string
		deny      bool
		warnings  []string
		denied    bool
		audit     map[string]string
		result    string
	}{
		"an image without its login is a warning": {
			spec:     `{"containers":[{"name":"app","image":"demo-vpc.tencentcloudcr.com/a/b"}]}`,
			warnings: []string{late}, audit: map[string]string{"pull-secret": "SlippedPast"}, result: "warned",
		},
		"several images are one": {
			spec:     `{"containers":[{"name":"app","image":"demo.tencentcloudcr.com/a/b"},{"name":"n","image":"nginx"},{"name":"b","image":"open.tencentcloudcr.com/a"}]}`,
			warnings: []string{strings.Replace(late, "containers/app", "containers/app and 1 more", 1)}, audit: map[string]string{"pull-secret": "SlippedPast"}, result: "warned",
		},
		"or a denial, where the configuration says so": {
			spec: `{"containers":[{"name":"app","image":"demo-vpc.tencentcloudcr.com/a/b"}]}`,
			deny: true, denied: true, result: "denied",
		},
		"a pod with the pull secret is fine": {
			spec: `{"imagePullSecrets":[{"name":"tcr-pull"}],"containers":[{"name":"app","image":"demo.tencentcloudcr.com/a/b"}]}`,
			deny: true, result: "unchanged",
		},
		"images of others are fine": {
			spec: `{"containers":[{"name":"app","image":"nginx"},{"name":"b","image":"quay.tencentcloudcr.com/a/b"},{"name":"c","image":"typo.tencentcloudcr.com/a/b"}]}`,
			deny: true, result: "unchanged",
		},
		"a pod that may not name it was warned before": {
			spec: `{"containers":[{"name":"app","image":"demo.tencentcloudcr.com/a/b"}]}`, account: enforced,
			deny: true, result: "unchanged",
		},
		"a pod that exists was warned before": {
			spec: `{"containers":[{"name":"app","image":"demo.tencentcloudcr.com/a/b"}]}`, operation: "UPDATE",
			deny: true, result: "unchanged",
		},
		"who opts out has opted out": {
			spec: `{"containers":[{"name":"app","image":"demo.tencentcloudcr.com/a/b"}]}`, labels: `{"tcr-webhook.io/inject":"disabled"}`,
			deny: true, audit: map[string]string{"skipped": "OptedOut"}, result: "skipped",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := testState(t)
			state.DenyWithoutPullSecret = tt.deny
			p, metrics := testPods(t, func(o *PodsOptions) {
				o.Snapshot = func() *State { return state }
				o.ServiceAccounts = func(namespace, name string) (map[string]string, bool) {
					assert.Equal(t, "team-a/default", namespace+"/"+name)
					return tt.account, tt.account != nil
				}
			})
			q := question{Namespace: "team-a", Operation: "CREATE"}
			if tt.operation != "" {
				q.Operation = tt.operation
			}
			if tt.labels == "" {
				tt.labels = "null"
			}
			q.Object = json.RawMessage(`{"metadata":{"name":"web","labels":` + tt.labels + `},"spec":` + tt.spec + `}`)
			got := verdictOf(t, p.Final(), reviewOf(t, q))
			assert.Equal(t, !tt.denied, got.Allowed)
			assert.Empty(t, cmp.Diff(tt.warnings, got.Warnings))
			assert.Equal(t, tt.audit, got.AuditAnnotations)
			if tt.denied {
				assert.Equal(t, int32(http.StatusForbidden), got.Result.Code)
				assert.Contains(t, got.Result.Message, "containers/app")
				assert.Contains(t, got.Result.Message, "tcr-pull")
			} else {
				assert.Nil(t, got.Result)
			}
			assert.NoError(t, testutil.GatherAndCompare(metrics, strings.NewReader(`
# HELP tcr_webhook_admissions_total Calls of the API server by webhook and result.
# TYPE tcr_webhook_admissions_total counter
tcr_webhook_admissions_total{result="`+tt.result+`",webhook="final-pods"} 1
`), "tcr_webhook_admissions_total"))
			n, err := testutil.GatherAndCount(metrics, "tcr_webhook_skips_total")
			require.NoError(t, err)
			assert.Equal(t, tt.result == "warned" || tt.result == "denied", n == 1)
		})
	}
}

func TestFinalPodsWhileCold(t *testing.T) {
	t.Parallel()
	p, _ := testPods(t, func(o *PodsOptions) { o.Snapshot = func() *State { return nil } })
	w := httptest.NewRecorder()
	r := newCall(t.Context(), reviewOf(t, podQuestion("nginx")))
	r.URL.RawQuery = "timeout=10ms"
	p.Final().ServeHTTP(w, r)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
}

// A pod that needs no login gets one for later by EveryPod. Whatever is wrong
// with that login is not its author's business.
func TestEveryPod(t *testing.T) {
	t.Parallel()
	var asked []Need
	p, metrics := testPods(t, func(o *PodsOptions) {
		o.PullSecrets = secretsFunc(func(_ context.Context, e Need) Delivery {
			asked = append(asked, e)
			return Delivery{Warning: "no token yet"}
		})
	})
	w := httptest.NewRecorder()
	p.EveryPod().ServeHTTP(w, newCall(t.Context(), reviewOf(t, podQuestion("nginx"))))
	response := readResponse(t, w.Body.Bytes())
	assert.Contains(t, string(response.Patch), "tcr-pull")
	assert.Empty(t, response.Warnings)
	require.Len(t, asked, 1)
	assert.Contains(t, asked[0].Instances, testState(t).Directory.IDs()[0])

	w = httptest.NewRecorder()
	p.EveryPod().ServeHTTP(w, newCall(t.Context(), reviewOf(t, podQuestion("demo.tencentcloudcr.com/a/b"))))
	assert.NotEmpty(t, readResponse(t, w.Body.Bytes()).Warnings, "this one needs it")
	assert.NoError(t, testutil.GatherAndCompare(metrics, strings.NewReader(`
# HELP tcr_webhook_admissions_total Calls of the API server by webhook and result.
# TYPE tcr_webhook_admissions_total counter
tcr_webhook_admissions_total{result="patched",webhook="every-pod"} 2
`), "tcr_webhook_admissions_total"))
}
