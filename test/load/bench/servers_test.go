package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
)

// startServer is serve in this process, until the test ends.
func startServer(t *testing.T, name string) greeting {
	t.Helper()
	in, stop := io.Pipe()
	out, printed := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serve(t.Context(), []string{name}, in, printed) }()
	var g greeting
	require.NoError(t, json.NewDecoder(bufio.NewReader(out)).Decode(&g))
	t.Cleanup(func() {
		require.NoError(t, stop.Close())
		assert.NoError(t, <-ended)
	})
	return g
}

func TestServersAnswerAsAnAPIServerAsks(t *testing.T) {
	t.Parallel()
	body, err := reviews.Usual("6k")
	require.NoError(t, err)
	for _, c := range contender.All() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			g := startServer(t, c.Name)
			caller, err := newCaller(g, body, c.Mutates)
			require.NoError(t, err)
			defer caller.close()
			require.NoError(t, caller.call(t.Context()))

			demanding, err := newCaller(g, body, true)
			require.NoError(t, err)
			defer demanding.close()
			err = demanding.call(t.Context())
			assert.Equal(t, c.Mutates, err == nil, "an unmutated pod goes unnoticed")

			refused, err := newCaller(g, []byte("no review"), false)
			require.NoError(t, err)
			defer refused.close()
			assert.Error(t, refused.call(t.Context()))
		})
	}
}

func TestCallersSpeakAsAnAPIServerDoes(t *testing.T) {
	t.Parallel()
	l, err := listen(t.Context())
	require.NoError(t, err)
	defer func() { assert.NoError(t, l.Close()) }()
	asked := make(chan *http.Request, 2)
	go func() {
		_ = l.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked <- r
			_, _ = io.WriteString(w, `"allowed":true`)
		}))
	}()
	caller, err := newCaller(greeting{l.address, l.ca}, []byte("{}"), false)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, caller.call(t.Context()))
		caller.close() // the next is a new connection
		r := <-asked
		assert.Equal(t, "HTTP/1.1", r.Proto)
		assert.False(t, r.TLS.DidResume)
		assert.Equal(t, "timeout=3s", r.URL.RawQuery)
	}
}

func TestLoopsCountLossesApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outcomes := []error{nil, errUnmutated, io.EOF, nil}
		var next atomic.Int64
		call := func(context.Context) error {
			time.Sleep(time.Second)
			return outcomes[int(next.Add(1)-1)%len(outcomes)]
		}
		latencies, lost := closedLoop(t.Context(), 1, 8*time.Second, call)
		assert.Len(t, latencies, 4)
		assert.Equal(t, losses{Errors: 2, Unmutated: 2}, lost)
		assert.InDelta(t, float64(time.Second), latencies[0], 0)
	})
}
