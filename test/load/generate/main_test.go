package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const review = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1"}}`

// server answers every call, and shows its certificate's authority.
func server(t *testing.T, http2 bool, handler http.HandlerFunc) (url, ca string) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.EnableHTTP2 = http2
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	ca = filepath.Join(t.TempDir(), "ca.crt")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(block), 0o600))
	return s.URL, ca
}

func answering(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func bodyFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "review.json")
	require.NoError(t, os.WriteFile(file, []byte(review), 0o600))
	return file
}

type told struct {
	Endpoints []result `json:"endpoints"`
}

func generate(t *testing.T, args ...string) (r told, err error) {
	t.Helper()
	var out bytes.Buffer
	err = run(t.Context(), append([]string{"--body", bodyFile(t), "--rounds=3", "--rate=100", "--length=100ms", "-o", "json"}, args...), &out)
	require.NoError(t, json.Unmarshal(out.Bytes(), &r), "%v: %s", err, &out)
	return r, err
}

func TestEveryCallIsCounted(t *testing.T) {
	t.Parallel()
	for name, protocol := range map[string]struct {
		http2 bool
		want  string
		flags []string
	}{
		"HTTP/1.1, as to a Service": {true, "HTTP/1.1", nil},
		"HTTP/2, as to loopback":    {true, "HTTP/2.0", []string{"--http2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls, others atomic.Int64
			url, ca := server(t, protocol.http2, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				if r.Proto != protocol.want {
					others.Add(1)
				}
				answering(`{"response":{"uid":"u-1","allowed":true,"patch":"W10="}}`)(w, r)
			})
			r, err := generate(t, append(protocol.flags, "--ca", ca, "a="+url)...)
			require.NoError(t, err)
			got := r.Endpoints[0]
			assert.Equal(t, []int{30, 0, 0, 30}, []int{got.Calls, got.Errors, got.Denied, got.Patched})
			assert.EqualValues(t, 31, calls.Load(), "and the one that makes the connection")
			assert.Zero(t, others.Load(), "calls by another protocol")
			assert.InDelta(t, 1, *got.Figures[0].Ratio, 0)
		})
	}
}

func TestWhatIsNoGoodAnswerIsALoss(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"another review":  `{"response":{"uid":"u-2","allowed":true}}`,
		"no review":       `<html>`,
		"an empty review": `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			url, ca := server(t, false, func(w http.ResponseWriter, r *http.Request) {
				if calls.Add(1) == 1 { // the one before the rounds
					answering(`{"response":{"uid":"u-1","allowed":true}}`)(w, r)
					return
				}
				answering(answer)(w, r)
			})
			r, err := generate(t, "--ca", ca, "a="+url)
			require.ErrorContains(t, err, "30 calls were lost")
			assert.Equal(t, 30, r.Endpoints[0].Errors)
			assert.NotEmpty(t, r.Endpoints[0].First)
			assert.Nil(t, r.Endpoints[0].Figures[0].Ratio, "of nothing by nothing")
			assert.Zero(t, r.Endpoints[0].Figures[0].Turns)
		})
	}
}

func TestASlowEndpointIsToldByItsRatio(t *testing.T) {
	t.Parallel()
	good := answering(`{"response":{"uid":"u-1","allowed":true}}`)
	fast, ca := server(t, false, good)
	slow, _ := server(t, false, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-r.Context().Done():
		}
		good(w, r)
	})
	r, err := generate(t, "--ca", ca, "fast="+fast, "slow="+slow)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, r.Endpoints[1].Figures[0].Value, 200_000.0)
	assert.Greater(t, *r.Endpoints[1].Figures[0].Ratio, 1.0)
}

func TestAnEndpointThatDiesIsNotTheFastest(t *testing.T) {
	t.Parallel()
	const good = `{"response":{"uid":"u-1","allowed":true}}`
	var calls atomic.Int64
	url, ca := server(t, false, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) > 15 { // in the middle of the second of three turns
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return
		}
		answering(good)(w, r)
	})
	lasting, _ := server(t, false, answering(good))
	r, err := generate(t, "--ca", ca, "dies="+url, "lasts="+lasting)
	require.ErrorContains(t, err, "16 calls were lost")
	dead := r.Endpoints[0]
	assert.Equal(t, []int{30, 16}, []int{dead.Calls, dead.Errors})
	assert.Equal(t, 2, dead.Figures[0].Turns)
	assert.Positive(t, dead.Figures[0].Min)
	assert.Equal(t, []int{30, 0}, []int{r.Endpoints[1].Calls, r.Endpoints[1].Errors})
	assert.NotNil(t, r.Endpoints[1].Figures[0].Ratio)
}

func TestWhoDeniesIsMeasuredToo(t *testing.T) {
	t.Parallel()
	url, ca := server(t, false, answering(`{"response":{"uid":"u-1","allowed":false}}`))
	r, err := generate(t, "--ca", ca, "a="+url)
	require.NoError(t, err)
	assert.Equal(t, 30, r.Endpoints[0].Denied)
	assert.Equal(t, 3, r.Endpoints[0].Figures[0].Turns)
}

func TestWhatWasMeasuredBeforeAnInterruptIsTold(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	var calls atomic.Int64
	url, ca := server(t, false, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 15 { // in the second turn
			interrupt()
		}
		answering(`{"response":{"uid":"u-1","allowed":true}}`)(w, r)
	})
	var out bytes.Buffer
	err := run(ctx, []string{"--body", bodyFile(t), "--rate=100", "--length=100ms", "-o", "json", "--ca", ca, "a=" + url}, &out)
	require.ErrorIs(t, err, context.Canceled)
	var r told
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	assert.Equal(t, []int{10, 0}, []int{r.Endpoints[0].Calls, r.Endpoints[0].Errors})
}

func TestMistakesInTheFlagsAreNamed(t *testing.T) {
	t.Parallel()
	for text, args := range map[string][]string{
		"give at least one endpoint":  {"--body=x"},
		"is not NAME=https://":        {"--body=x", "https://127.0.0.1"},
		"read endpoint a":             {"--body=x", "a=https://[::1/x"},
		`"a=https://" is not NAME=`:   {"--body=x", "a=https://"},
		"two endpoints are named a":   {"--body=x", "a=https://127.0.0.1", "a=https://127.0.0.2"},
		"give --body":                 {"a=https://127.0.0.1"},
		"have to be positive":         {"--body=x", "--rate=0", "a=https://127.0.0.1"},
		"too short for a single call": {"--body=x", "--rate=1", "--length=1ms", "a=https://127.0.0.1"},
		"no such file":                {"--body=/nowhere.json", "a=https://127.0.0.1"},
		"want table or json":          {"--body=x", "-o=xml", "a=https://127.0.0.1"},
	} {
		assert.ErrorContains(t, run(t.Context(), args, io.Discard), text)
	}
	empty := filepath.Join(t.TempDir(), "empty.json")
	require.NoError(t, os.WriteFile(empty, []byte(`{}`), 0o600))
	assert.ErrorContains(t, run(t.Context(), []string{"--body", empty, "a=https://127.0.0.1"}, io.Discard), "is no AdmissionReview")
}
