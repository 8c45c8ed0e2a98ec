package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// startBroken starts a replica with a fault that was not met yet.
func (f fault) startBroken(t *testing.T) (identity, *replica) {
	t.Helper()
	id := mustIdentity(t)
	id.broken = f.certificate
	return id, mustReplica(t, id, mustHandler(t, f.edit), ours(time.Millisecond))
}

// TestNoFaultDeniesAPod injects each fault and looks at the answer itself.
func TestNoFaultDeniesAPod(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			id, r := f.startBroken(t)
			ctx, cancel := context.WithTimeout(t.Context(), faultTimeout*time.Second)
			defer cancel()
			got, body := post(ctx, t, id, r, reviewOf(t), nil)
			assert.Equal(t, f.want, got, "%s", body)
			if got == served {
				assert.NotEmpty(t, requireAllowed(t, reviewUID, body).Patch)
			}
		})
	}
}

// TestFaultsInAnAPIServer injects each fault and looks at what becomes of a
// pod: it is as it should be, or the failurePolicy decides, and never we.
func TestFaultsInAnAPIServer(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		for _, policy := range []admissionregistrationv1.FailurePolicyType{admissionregistrationv1.Ignore, admissionregistrationv1.Fail} {
			t.Run(f.name+", "+string(policy), func(t *testing.T) {
				t.Parallel()
				id, r := f.startBroken(t)
				a := newAPIServer(t, registration{dial: r.dial, ca: id.ca, policy: policy, timeout: faultTimeout})
				pod := newPod()
				err := a.create(t.Context(), pod)
				if good := f.want == served || f.heals; good || policy == admissionregistrationv1.Ignore {
					require.NoError(t, err)
					assert.Equal(t, good, mutated(pod))
					return
				}
				require.ErrorContains(t, err, "failed calling webhook")
				assert.NotContains(t, err.Error(), "denied the request")
			})
		}
	}
}

// TestWhatIsNoReviewIsRefused sends what no API server sends, over the wire.
func TestWhatIsNoReviewIsRefused(t *testing.T) {
	t.Parallel()
	id := mustIdentity(t)
	r := mustReplica(t, id, mustHandler(t, nil), ours(time.Millisecond))
	good := string(reviewOf(t))
	tests := []struct {
		name, body string
		edit       func(*http.Request)
		want       int
	}{
		{"another method", good, func(r *http.Request) { r.Method = http.MethodPut }, http.StatusMethodNotAllowed},
		{"another content type", good, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, http.StatusUnsupportedMediaType},
		{"no content type", good, func(r *http.Request) { r.Header.Del("Content-Type") }, http.StatusUnsupportedMediaType},
		{"protobuf", good, func(r *http.Request) { r.Header.Set("Content-Type", "application/vnd.kubernetes.protobuf") }, http.StatusUnsupportedMediaType},
		{"no length", good, func(r *http.Request) { r.ContentLength = -1 }, http.StatusLengthRequired},
		{"nothing", "", nil, http.StatusBadRequest},
		{"null", "null", nil, http.StatusBadRequest},
		{"a list", "[" + good + "]", nil, http.StatusBadRequest},
		{"two reviews", good + good, nil, http.StatusBadRequest},
		{"half a review", good[:len(good)/2], nil, http.StatusBadRequest},
		{"a review but for its last byte", good[:len(good)-1], nil, http.StatusBadRequest},
		{"invalid UTF-8", strings.Replace(good, "team-a", "team-\xff", 1), nil, http.StatusBadRequest},
		{"compressed bytes", "\x1f\x8b\x08\x00" + good, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, http.StatusBadRequest},
		{"bottomless lists", strings.Replace(good, `"object":{`, `"object":{"x":`+strings.Repeat("[", 20_000), 1), nil, http.StatusBadRequest},
		{"a pod that is a text", strings.Replace(good, `"object":{`, `"object":"x","y":{`, 1), nil, http.StatusBadRequest},
		{"containers that are a number", strings.Replace(good, `"containers":[`, `"containers":1,"y":[`, 1), nil, http.StatusBadRequest},
		{"an old version", strings.Replace(good, "admission.k8s.io/v1", "admission.k8s.io/v1beta1", 1), nil, http.StatusBadRequest},
		{"no uid", strings.Replace(good, reviewUID, "", 1), nil, http.StatusBadRequest},
		{"an answer", `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"1","allowed":false}}`, nil, http.StatusBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, body := post(t.Context(), t, id, r, []byte(tt.body), tt.edit)
			assert.Equal(t, reply{status: tt.want, closes: true}, got, "%s", body)
		})
	}
}

// TestMutilatedReviewsAreNeverDenials changes, cuts and swaps bytes of a
// review at random: the answer is a refusal of the call or an allowed review.
func TestMutilatedReviewsAreNeverDenials(t *testing.T) {
	t.Parallel()
	rounds := 20_000
	if testing.Short() {
		rounds = 1_000
	}
	h, good, refused := mustHandler(t, nil), reviewOf(t), 0
	for range rounds {
		body := mutilate(slices.Clone(good))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, webhook.PodsPath+"?timeout=2s", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			require.Equal(t, http.StatusBadRequest, w.Code, "%s", body)
			refused++
			continue
		}
		var sent struct {
			Request struct {
				UID string `json:"uid"`
			} `json:"request"`
		}
		require.NoError(t, json.Unmarshal(body, &sent), "%s", body)
		requireAllowed(t, sent.Request.UID, w.Body.Bytes())
	}
	t.Logf("%d of %d refused", refused, rounds)
	assert.Positive(t, refused)
	assert.Less(t, refused, rounds)
}

// mutilate does one to three things to body.
func mutilate(body []byte) []byte {
	for range 1 + rand.IntN(3) {
		i, j := rand.IntN(len(body)), rand.IntN(len(body))
		switch rand.IntN(5) {
		case 0:
			body[i] = byte(rand.IntN(256))
		case 1:
			body[i], body[j] = body[j], body[i]
		case 2:
			body[i] ^= 0x20 // another case
		case 3:
			body = slices.Delete(body, i, min(i+1+rand.IntN(4), len(body)))
		case 4:
			body[i] = `{}[]",:\0nt`[rand.IntN(11)]
		}
	}
	return body
}

// TestCancelledCallsCostNothing has the API server give up more calls than are
// ever held, and looks whether their places are free again.
func TestCancelledCallsCostNothing(t *testing.T) {
	t.Parallel()
	const calls = 300 // more than the 256 that are held at once
	state, err := newState()
	require.NoError(t, err)
	ready := make(chan struct{})
	looked := make(chan struct{}, 100_000)
	h := mustHandler(t, func(o *webhook.PodsOptions) {
		o.Snapshot = func() *webhook.State {
			select {
			case <-ready:
				return state
			default:
				looked <- struct{}{}
				return nil
			}
		}
	})
	id := mustIdentity(t)
	r := mustReplica(t, id, h, ours(time.Millisecond))
	ctx, giveUp := context.WithCancel(t.Context())
	var done sync.WaitGroup
	for range calls {
		done.Go(func() {
			got, _ := post(ctx, t, id, r, reviewOf(t), func(r *http.Request) { r.URL.RawQuery = "timeout=30s" })
			assert.NotEqual(t, http.StatusOK, got.status)
		})
	}
	for range calls { // each call looks before it is held
		<-looked
	}
	giveUp()
	done.Wait()
	for start := time.Now(); ; {
		before := time.Now()
		got, _ := post(t.Context(), t, id, r, reviewOf(t), nil)
		require.Equal(t, later, got)
		if time.Since(before) > faultTimeout*time.Second/4 {
			break // it was held, so there was a place
		}
		require.Less(t, time.Since(start), settle, "the places are still taken")
	}
	close(ready)
	got, _ := post(t.Context(), t, id, r, reviewOf(t), nil)
	assert.Equal(t, served, got)
}
