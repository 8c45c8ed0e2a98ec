package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// secretsFunc is a PullSecrets.
type secretsFunc func(context.Context, Need) Delivery

func (f secretsFunc) Ensure(ctx context.Context, need Need) Delivery { return f(ctx, need) }

func delivered(context.Context, Need) Delivery { return Delivery{Ready: true} }

// testPods is a handler with everything there is to know in memory, changed by
// edit, and the registry of its metrics.
func testPods(t testing.TB, edit func(*PodsOptions)) (*Pods, *prometheus.Registry) {
	t.Helper()
	metrics := prometheus.NewRegistry()
	m, err := NewMetrics(metrics)
	require.NoError(t, err)
	state := testState(t)
	options := PodsOptions{
		Snapshot:    func() *State { return state },
		Namespaces:  func(string) (map[string]string, bool) { return nil, true },
		PullSecrets: secretsFunc(delivered),
		Metrics:     m,
	}
	if edit != nil {
		edit(&options)
	}
	p, err := NewPods(options)
	require.NoError(t, err)
	return p, metrics
}

func podQuestion(image string) question {
	return question{Namespace: "team-a", Operation: "CREATE",
		Object: json.RawMessage(`{"metadata":{"name":"web"},"spec":{"containers":[{"name":"app","image":"` + image + `"}]}}`)}
}

func newCall(ctx context.Context, body []byte) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, PodsPath+"?timeout=3s", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func post(t testing.TB, p *Pods, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	p.ServeHTTP(w, newCall(t.Context(), body))
	return w
}

func TestPodsAsksForTheSecret(t *testing.T) {
	t.Parallel()
	dry := bytes.Replace(reviewOf(t, podQuestion("demo.tencentcloudcr.com/a/b")), []byte(`"namespace"`), []byte(`"dryRun":true,"namespace"`), 1)
	tests := []struct {
		name string
		body []byte
		want []Need
	}{
		{"for a pod of an instance", reviewOf(t, podQuestion("demo.tencentcloudcr.com/a/b")), []Need{{Namespace: "team-a", Instances: []registry.ID{"tcr-demo0001"}}}},
		{"for an image that stays", reviewOf(t, podQuestion("open.tencentcloudcr.com/a/b")), []Need{{Namespace: "team-a", Instances: []registry.ID{"tcr-open0002"}}}},
		{"and says that it is a dry run", dry, []Need{{Namespace: "team-a", Instances: []registry.ID{"tcr-demo0001"}, DryRun: true}}},
		{"but not for a stranger's image", reviewOf(t, podQuestion("nginx")), nil},
		{"nor for an unknown host", reviewOf(t, podQuestion("typo.tencentcloudcr.com/a/b")), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []Need
			start := time.Now()
			p, _ := testPods(t, func(o *PodsOptions) {
				o.PullSecrets = secretsFunc(func(_ context.Context, n Need) Delivery {
					assert.Less(t, n.Until.Sub(start), 2500*time.Millisecond, "no time is left for the answer")
					n.Instances, n.Until = slices.Clone(n.Instances), time.Time{}
					got = append(got, n)
					return Delivery{Ready: true}
				})
			})
			w := post(t, p, tt.body)
			require.Equal(t, http.StatusOK, w.Code, w.Body)
			assert.Empty(t, cmp.Diff(tt.want, got))
			assert.Empty(t, readResponse(t, w.Body.Bytes()).AuditAnnotations[auditPullSecret])
		})
	}
}

func TestPodsPassesOnWhatIsWrongWithTheSecret(t *testing.T) {
	t.Parallel()
	p, _ := testPods(t, func(o *PodsOptions) {
		o.PullSecrets = secretsFunc(func(context.Context, Need) Delivery {
			return Delivery{Warning: "no token yet " + strings.Repeat("…", 300)}
		})
	})
	w := post(t, p, reviewOf(t, podQuestion("demo.tencentcloudcr.com/a/b")))
	require.Equal(t, http.StatusOK, w.Code)
	response := readResponse(t, w.Body.Bytes())
	require.Len(t, response.Warnings, 1)
	assert.Contains(t, response.Warnings[0], "tcr-webhook: no token yet")
	assert.Equal(t, "Pending", response.AuditAnnotations[auditPullSecret])
	assert.NotEmpty(t, response.Patch)
}

func TestPodsRefuses(t *testing.T) {
	t.Parallel()
	good := reviewOf(t, podQuestion("demo.tencentcloudcr.com/a/b"))
	with := func(edit func(*http.Request)) func(*http.Request) { return edit }
	tests := []struct {
		name string
		body string
		edit func(*http.Request)
		want int
	}{
		{"another method", string(good), with(func(r *http.Request) { r.Method = http.MethodGet }), http.StatusMethodNotAllowed},
		{"no content type", string(good), with(func(r *http.Request) { r.Header.Del("Content-Type") }), http.StatusUnsupportedMediaType},
		{"another content type", string(good), with(func(r *http.Request) { r.Header.Set("Content-Type", "application/json-patch") }), http.StatusUnsupportedMediaType},
		{"a body without an announced length", string(good), with(func(r *http.Request) { r.ContentLength = -1 }), http.StatusLengthRequired},
		{"a body that is too large", string(good), with(func(r *http.Request) { r.ContentLength = maxBody + 1 }), http.StatusRequestEntityTooLarge},
		{"a body that ends early", string(good), with(func(r *http.Request) { r.ContentLength++ }), http.StatusRequestTimeout},
		{"no body", "", nil, http.StatusBadRequest},
		{"no JSON", "pod", nil, http.StatusBadRequest},
		{"another kind", strings.Replace(string(good), "AdmissionReview", "Pod", 1), nil, http.StatusBadRequest},
		{"another version", strings.Replace(string(good), "admission.k8s.io/v1", "admission.k8s.io/v1beta1", 1), nil, http.StatusBadRequest},
		{"no request", `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`, nil, http.StatusBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, metrics := testPods(t, nil)
			r := newCall(t.Context(), []byte(tt.body))
			if tt.edit != nil {
				tt.edit(r)
			}
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			assert.Equal(t, tt.want, w.Code)
			assert.NotContains(t, w.Body.String(), "demo", "the answer quotes the review")
			assert.Empty(t, w.Header().Get("Retry-After"), "asking again is no use")
			assertAdmissions(t, metrics, resultMalformed)
		})
	}
}

func TestPodsTakesAnyWayToWriteTheContentType(t *testing.T) {
	t.Parallel()
	p, _ := testPods(t, nil)
	r := newCall(t.Context(), reviewOf(t, podQuestion("nginx")))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	assert.Equal(t, http.StatusOK, w.Code)
}

// TestPodsHoldsACallWhileCold runs on fake time.
func TestPodsHoldsACallWhileCold(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		after time.Duration
		want  int
		took  time.Duration // the first look at or after that
	}{
		{"until there is a state", 800 * time.Millisecond, http.StatusOK, 800 * time.Millisecond},
		{"for half of its timeout", time.Hour, http.StatusServiceUnavailable, 1500 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start, state := time.Now(), testState(t)
				p, metrics := testPods(t, func(o *PodsOptions) {
					o.Snapshot = func() *State {
						if time.Since(start) < tt.after {
							return nil
						}
						return state
					}
				})
				w := post(t, p, reviewOf(t, podQuestion("demo.tencentcloudcr.com/a/b")))
				assert.Equal(t, tt.want, w.Code)
				assert.Equal(t, tt.took, time.Since(start))
				if tt.want == http.StatusOK {
					assertAdmissions(t, metrics, resultPatched)
					return
				}
				assert.Equal(t, "1", w.Header().Get("Retry-After"))
				assertAdmissions(t, metrics, resultCold)
			})
		})
	}
}

func TestPodsHoldsNoMoreThanItsQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, _ := testPods(t, func(o *PodsOptions) { o.Snapshot = func() *State { return nil } })
		body := reviewOf(t, podQuestion("nginx"))
		for range maxHeld {
			go p.ServeHTTP(httptest.NewRecorder(), newCall(t.Context(), body))
		}
		synctest.Wait()
		start := time.Now()
		w := post(t, p, body)
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.Zero(t, time.Since(start), "a call waited for a place in the queue")

		time.Sleep(2 * time.Second) // and the others have been sent away
		start = time.Now()
		post(t, p, body)
		assert.NotZero(t, time.Since(start), "the places were not given back")
	})
}

// TestPodsOfANamespaceThatIsTooNew runs on fake time.
func TestPodsOfANamespaceThatIsTooNew(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, image string
		after       time.Duration
		want        int
		took        time.Duration
		rewritten   bool
	}{
		{"waits for its labels where they matter", "gold.tencentcloudcr.com/a/b", 200 * time.Millisecond, http.StatusOK, 200 * time.Millisecond, true},
		{"is not decided by guessing", "gold.tencentcloudcr.com/a/b", time.Hour, http.StatusServiceUnavailable, 1500 * time.Millisecond, false},
		{"waits for nothing where they do not", "demo.tencentcloudcr.com/a/b", time.Hour, http.StatusOK, 0, true},
		{"waits for nothing for a stranger's image", "nginx", time.Hour, http.StatusOK, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				p, _ := testPods(t, func(o *PodsOptions) {
					o.Namespaces = func(name string) (map[string]string, bool) {
						assert.Equal(t, "team-a", name)
						if time.Since(start) < tt.after {
							return nil, false
						}
						return map[string]string{"tier": "gold"}, true
					}
				})
				w := post(t, p, reviewOf(t, podQuestion(tt.image)))
				assert.Equal(t, tt.want, w.Code)
				assert.Equal(t, tt.took, time.Since(start))
				if w.Code == http.StatusOK {
					assert.Equal(t, tt.rewritten, len(readResponse(t, w.Body.Bytes()).Patch) > 0)
				}
			})
		})
	}
}

// blocked is a body of which nothing arrives until it is let go.
type blocked struct{ let chan struct{} }

func (b blocked) Read([]byte) (int, error) {
	<-b.let
	return 0, io.ErrUnexpectedEOF
}

// TestPodsShedsLargeReviews runs on fake time: large reviews fill their room,
// one more is turned away, and usual ones are served as ever.
func TestPodsShedsLargeReviews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, metrics := testPods(t, nil)
		let := make(chan struct{})
		large := func() *httptest.ResponseRecorder {
			r := newCall(t.Context(), nil)
			r.Body, r.ContentLength = io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, maxBody-1)), blocked{let})), maxBody
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			return w
		}
		for range largeRoom / maxBody {
			go large()
		}
		synctest.Wait()

		start := time.Now()
		w := large()
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.Equal(t, "1", w.Header().Get("Retry-After"))
		assert.Equal(t, 1500*time.Millisecond, time.Since(start))
		assertAdmissions(t, metrics, resultOverloaded)

		assert.Equal(t, http.StatusOK, post(t, p, reviewOf(t, podQuestion("nginx"))).Code)
		close(let)
		synctest.Wait()
		r := newCall(t.Context(), append(reviewOf(t, podQuestion("nginx")), bytes.Repeat([]byte(" "), maxBody/2)...))
		w = httptest.NewRecorder()
		p.ServeHTTP(w, r)
		assert.Equal(t, http.StatusOK, w.Code, "the room was not given back")
	})
}

// Callers that announce much and send nothing hold little.
func TestPodsServesBesideCallersThatSendNothing(t *testing.T) {
	t.Parallel()
	for name, announced := range map[string]int64{"small": largeBody, "large": maxBody} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, _ := testPods(t, nil)
				let := make(chan struct{})
				for range 500 {
					r := newCall(t.Context(), nil)
					r.Body, r.ContentLength = io.NopCloser(blocked{let}), announced
					go p.ServeHTTP(httptest.NewRecorder(), r)
				}
				synctest.Wait()
				start := time.Now()
				review := append(reviewOf(t, podQuestion("nginx")), bytes.Repeat([]byte(" "), int(announced)/2)...)
				assert.Equal(t, http.StatusOK, post(t, p, review).Code)
				assert.Zero(t, time.Since(start), "it had to wait for room")
				close(let)
			})
		})
	}
}

func TestPodsMetrics(t *testing.T) {
	t.Parallel()
	p, metrics := testPods(t, nil)
	for _, image := range []string{
		"demo.tencentcloudcr.com/a/b", "Open.tencentcloudcr.com/a/b", "open.tencentcloudcr.com/a/b", "nginx", "typo.tencentcloudcr.com/a/b",
	} {
		post(t, p, reviewOf(t, podQuestion(image)))
	}
	q := podQuestion("demo.tencentcloudcr.com/a/b")
	q.Operation = "UPDATE"
	post(t, p, reviewOf(t, q))
	q.Operation = "DELETE"
	post(t, p, reviewOf(t, q))

	require.NoError(t, testutil.GatherAndCompare(metrics, strings.NewReader(`
# HELP tcr_webhook_admissions_total Calls of the API server by webhook and result.
# TYPE tcr_webhook_admissions_total counter
tcr_webhook_admissions_total{result="patched",webhook="pods"} 4
tcr_webhook_admissions_total{result="skipped",webhook="pods"} 1
tcr_webhook_admissions_total{result="unchanged",webhook="pods"} 2
# HELP tcr_webhook_images_rewritten_total Images whose host was changed, by registry.
# TYPE tcr_webhook_images_rewritten_total counter
tcr_webhook_images_rewritten_total{registry="tcr-demo0001"} 2
tcr_webhook_images_rewritten_total{registry="tcr-open0002"} 1
# HELP tcr_webhook_skips_total Pods, images and namespaces that were left alone, by reason.
# TYPE tcr_webhook_skips_total counter
tcr_webhook_skips_total{reason="NoPullSecret"} 1
tcr_webhook_skips_total{reason="NotAPod"} 1
tcr_webhook_skips_total{reason="NotManaged"} 1
tcr_webhook_skips_total{reason="UnknownHost"} 1
`), "tcr_webhook_admissions_total", "tcr_webhook_images_rewritten_total", "tcr_webhook_skips_total"))
	n, err := testutil.GatherAndCount(metrics, "tcr_webhook_admission_duration_seconds")
	require.NoError(t, err)
	assert.Equal(t, 1, n)
}

func TestNewPodsWantsEverything(t *testing.T) {
	t.Parallel()
	_, err := NewPods(PodsOptions{})
	require.Error(t, err)
}

func TestTimeoutOf(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]time.Duration{
		"timeout=3s": 3 * time.Second, "a=b&timeout=1s": time.Second, "timeout=1h": maxTimeout,
		"": defaultTimeout, "timeout=": defaultTimeout, "timeout=-1s": defaultTimeout, "timeout=x": defaultTimeout,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/?"+query, nil)
		assert.Equal(t, want, timeoutOf(r), query)
	}
}

// assertAdmissions checks that one call was counted under result.
func assertAdmissions(t *testing.T, metrics *prometheus.Registry, result string) {
	t.Helper()
	assert.NoError(t, testutil.GatherAndCompare(metrics, strings.NewReader(`
# HELP tcr_webhook_admissions_total Calls of the API server by webhook and result.
# TYPE tcr_webhook_admissions_total counter
tcr_webhook_admissions_total{result="`+result+`",webhook="pods"} 1
`), "tcr_webhook_admissions_total"))
}
