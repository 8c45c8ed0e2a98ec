package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

// These tests run on fake time and over pipes, TLS and HTTP as in production.

// running is a started Server.
type running struct {
	*Server
	listener *pipeListener
	end      context.CancelFunc
	result   chan error
}

func startServer(t *testing.T, log logr.Logger, handler http.Handler) *running {
	t.Helper()
	listener := newPipeListener()
	s, err := NewServer(ServerOptions{Listener: listener, GetCertificate: certificate(t), Handler: handler})
	require.NoError(t, err)
	ctx, end := context.WithCancel(logf.IntoContext(t.Context(), log))
	r := &running{Server: s, listener: listener, end: end, result: make(chan error, 1)}
	require.ErrorContains(t, s.Ready(), "not started")
	go func() { r.result <- s.Start(ctx) }()
	synctest.Wait()
	require.NoError(t, s.Ready())
	return r
}

// stop ends the server and returns what Start did.
func (r *running) stop() error {
	r.end()
	return <-r.result
}

// client calls as kube-apiserver does: HTTP/1.1, connections kept for 90 s,
// 25 of them, and no request sent twice.
func client(dial func(ctx context.Context) (net.Conn, error)) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}},
		MaxIdleConnsPerHost: 25,
		IdleConnTimeout:     90 * time.Second,
	}}
}

// reply is what a call got.
type reply struct {
	status     int
	retryAfter string
	closes     bool // the connection
	body       string
}

// send posts body. As a POST it is not sent again where it was lost.
func send(ctx context.Context, c *http.Client, body string) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://webhook"+PodsPath+"?timeout=3s", strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := c.Do(r)
	if err != nil {
		return reply{}, err
	}
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header.Get("Retry-After"), response.Close, string(text)}, errors.Join(err, response.Body.Close())
}

func fine(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

// TestServerLosesNoCallWhenItEnds ends a server under load. Its endpoint leaves
// the load balancer 3 s later; calls go to another server from then on.
func TestServerLosesNoCallWhenItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers, pause = 5, 100 * time.Millisecond
		ending := startServer(t, logr.Discard(), http.HandlerFunc(fine))
		staying := startServer(t, logr.Discard(), http.HandlerFunc(fine))
		var mu sync.Mutex
		target := ending.listener // guarded by mu
		c := client(func(ctx context.Context) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			return target.dial(ctx)
		})

		var enough atomic.Bool
		var load sync.WaitGroup
		calls := make([]int, callers)
		for i := range callers {
			load.Go(func() {
				for !enough.Load() {
					got, err := send(t.Context(), c, "{}")
					assert.NoError(t, err, "a call was lost")
					assert.Equal(t, http.StatusOK, got.status)
					calls[i]++
					time.Sleep(pause + time.Duration(i)*time.Millisecond)
				}
			})
		}
		time.Sleep(2 * time.Second)
		before := time.Now()
		ending.end()
		synctest.Wait()
		require.ErrorContains(t, ending.Ready(), "draining")
		time.Sleep(3 * time.Second)
		mu.Lock()
		target = staying.listener
		mu.Unlock()
		require.NoError(t, <-ending.result)
		assert.Equal(t, defaultDrainDelay, time.Since(before).Truncate(time.Second))
		enough.Store(true)
		load.Wait()
		for _, n := range calls {
			assert.Greater(t, n, 100)
		}
		c.CloseIdleConnections()
		require.NoError(t, staying.stop())
	})
}

func TestServerEndsConnectionsWhileDraining(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := startServer(t, logr.Discard(), http.HandlerFunc(fine))
		c := client(s.listener.dial)
		for range 3 {
			got, err := send(t.Context(), c, "{}")
			require.NoError(t, err)
			assert.False(t, got.closes)
		}
		assert.Equal(t, 1, s.listener.dialled())
		s.end()
		synctest.Wait()
		for i := range 3 {
			got, err := send(t.Context(), c, "{}")
			require.NoError(t, err)
			assert.True(t, got.closes)
			assert.Equal(t, 1+i, s.listener.dialled())
		}
		require.NoError(t, <-s.result)
		_, err := send(t.Context(), c, "{}")
		require.Error(t, err)
	})
}

func TestServerAnswersWhatIsUnderWayWhenItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := startServer(t, logr.Discard(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(12 * time.Second) // past the drain delay
			assert.NoError(t, r.Context().Err(), "the end of the server ended a call")
			fine(w, r)
		}))
		answered := make(chan error)
		go func() {
			_, err := send(t.Context(), client(s.listener.dial), "{}")
			answered <- err
		}()
		synctest.Wait()
		s.end()
		require.NoError(t, <-answered)
		require.NoError(t, <-s.result)
	})
}

func TestServerDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := startServer(t, logr.Discard(), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) }))
		c := client(s.listener.dial)
		go func() {
			_, err := send(t.Context(), c, "{}")
			assert.Error(t, err)
		}()
		synctest.Wait()
		start := time.Now()
		require.ErrorContains(t, s.stop(), "shut down webhook server")
		assert.Equal(t, defaultDrainDelay+shutdownTimeout, time.Since(start))
		time.Sleep(time.Minute) // the handler
	})
}

// TestServerKeepsIdleConnectionsLongerThanTheCaller shows the connection to be
// the caller's to give up, which it does after 90 s.
func TestServerKeepsIdleConnectionsLongerThanTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := startServer(t, logr.Discard(), http.HandlerFunc(fine))
		c := client(s.listener.dial)
		c.Transport.(*http.Transport).IdleConnTimeout = 0
		for range 3 {
			_, err := send(t.Context(), c, "{}")
			require.NoError(t, err)
			time.Sleep(4 * time.Minute)
		}
		assert.Equal(t, 1, s.listener.dialled())
		c.CloseIdleConnections()
		require.NoError(t, s.stop())
	})
}

// The API server opens connections that it then does not need, and keeps them
// for 90 s as it does those that it has used.
func TestServerKeepsUnusedConnectionsLongerThanTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := startServer(t, logr.Discard(), http.HandlerFunc(fine))
		raw, err := s.listener.dial(t.Context())
		require.NoError(t, err)
		conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, conn.HandshakeContext(t.Context()))
		start := time.Now()
		_, _ = io.ReadAll(conn) // until the server closes
		assert.GreaterOrEqual(t, time.Since(start), 100*time.Second)
		_ = raw.Close()
		require.NoError(t, s.stop())
	})
}

// A call that is held longer than its body may take to arrive is not cut off.
func TestServerLetsACallWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := startServer(t, logr.Discard(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			select {
			case <-r.Context().Done():
				w.WriteHeader(http.StatusTeapot)
			case <-time.After(3 * readTimeout):
				fine(w, r)
			}
		}))
		c := client(s.listener.dial)
		_, err := send(t.Context(), c, "{}")
		require.NoError(t, err)
		c.CloseIdleConnections()
		require.NoError(t, s.stop())
	})
}

func TestServerGivesUpSlowCallers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, sent string
		want       string
		within     time.Duration
	}{
		{"a handshake that never comes", "", "", writeTimeout},
		{"half a head", "POST / HTTP/1.1\r\nHost: a\r\n", "", headTimeout},
		{"half a body", "POST " + PodsPath + "?timeout=3s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", "408 Request Timeout", readTimeout},
		{"a head without end", "POST / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 2*maxHeaderBytes), "431 Request Header Fields Too Large", readTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				pods, _ := testPods(t, nil)
				s := startServer(t, logr.Discard(), pods)
				start := time.Now()
				conn, err := s.listener.dial(t.Context())
				require.NoError(t, err)
				if tt.sent != "" {
					conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
					go func() { _, _ = io.WriteString(conn, tt.sent) }() // may be cut off
				}
				answer, _ := io.ReadAll(conn) // until the server closes; how is its own business
				assert.Contains(t, string(answer), tt.want)
				assert.LessOrEqual(t, time.Since(start), tt.within+time.Second)
				_ = conn.Close() // which the server did
				require.NoError(t, s.stop())
			})
		})
	}
}

// TestServerAnswersAPanic plants a marker in what is panicked with.
func TestServerAnswersAPanic(t *testing.T) {
	t.Parallel()
	const secret = "marker-of-a-secret"
	var none []string
	tests := []struct {
		name   string
		value  func()
		logged string
	}{
		{"with a text", func() { panic(secret) }, `"string"`},
		{"with an error", func() { panic(errors.New(secret)) }, "*errors.errorString"},
		{"of the runtime", func() { _ = none[3] }, "index out of range [3] with length 0"},
		{"with nothing", func() { panic(nil) }, "panic called with nil argument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log, logged := recordingLogger()
				pods, metrics := testPods(t, func(o *PodsOptions) {
					o.PullSecrets = secretsFunc(func(context.Context, Need) Delivery { tt.value(); return Delivery{} })
				})
				s := startServer(t, log, pods)
				c := client(s.listener.dial)
				body := bytes.Replace(reviewOf(t, podQuestion("demo.tencentcloudcr.com/a/b")), []byte(`"image"`), []byte(`"env":[{"name":"A","value":"`+secret+`"}],"image"`), 1)
				got, err := send(t.Context(), c, string(body))
				require.NoError(t, err)
				assert.Equal(t, reply{http.StatusServiceUnavailable, "0", true, "internal error\n"}, got)
				assertAdmissions(t, metrics, resultPanicked)
				require.NoError(t, s.stop())
				assert.Contains(t, logged(), tt.logged)
				assert.Contains(t, logged(), "TestServerAnswersAPanic", "the log does not say where")
				assert.NotContains(t, logged(), secret)
			})
		})
	}
}

// TestNothingOfAPodIsLogged plants a marker wherever a pod may hold a secret
// and logs all there is to log.
func TestNothingOfAPodIsLogged(t *testing.T) {
	t.Parallel()
	const secret = "marker-of-a-secret"
	synctest.Test(t, func(t *testing.T) {
		log, logged := recordingLogger()
		pods, _ := testPods(t, nil)
		s := startServer(t, log, pods)
		c := client(s.listener.dial)
		good := `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","kind":{"kind":"Pod"},"operation":"CREATE","namespace":"team-a",
			"object":{"metadata":{"name":"web","annotations":{"a":"` + secret + `"}},"spec":{"containers":[
			{"name":"a","image":"demo.tencentcloudcr.com/a/b","env":[{"name":"A","value":"` + secret + `"}],"args":["` + secret + `"]}]}}}}`
		for _, body := range []string{good, good[:len(good)-1], strings.Replace(good, `["`+secret, `["`+secret+"\xff", 1), strings.Replace(good, `[{"name":"A"`, `"`+secret+`":[{"name":"A"`, 1)} {
			got, err := send(t.Context(), c, body)
			require.NoError(t, err)
			assert.NotContains(t, got.body, secret)
		}
		require.NoError(t, s.stop())
		assert.Contains(t, logged(), "Decided a pod")
		assert.NotContains(t, logged(), secret)
	})
}

func TestServerSpeaksWhatTheAPIServerSpeaks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		config *tls.Config
		want   string // the protocol; empty for no handshake
	}{
		{"HTTP/1.1", &tls.Config{NextProtos: []string{"http/1.1"}}, "http/1.1"},
		{"HTTP/1.1 where HTTP/2 is offered too", &tls.Config{NextProtos: []string{"h2", "http/1.1"}}, "http/1.1"},
		{"not HTTP/2", &tls.Config{NextProtos: []string{"h2"}}, ""},
		{"TLS 1.2", &tls.Config{NextProtos: []string{"http/1.1"}, MaxVersion: tls.VersionTLS12}, "http/1.1"},
		{"not TLS 1.1", &tls.Config{NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := startServer(t, logr.Discard(), http.HandlerFunc(fine))
				raw, err := s.listener.dial(t.Context())
				require.NoError(t, err)
				tt.config.InsecureSkipVerify = true
				conn := tls.Client(raw, tt.config)
				err = conn.HandshakeContext(t.Context())
				assert.Equal(t, tt.want != "", err == nil, "handshake: %v", err)
				assert.Equal(t, tt.want, conn.ConnectionState().NegotiatedProtocol)
				_ = raw.Close() // which the server may have done
				require.NoError(t, s.stop())
			})
		})
	}
}

// TestServerOverTCP is the one test on a real socket, with a certificate that
// is verified.
func TestServerOverTCP(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	pods, _ := testPods(t, nil)
	mux := http.NewServeMux()
	mux.Handle(PodsPath, pods)
	getCertificate := certificate(t)
	s, err := NewServer(ServerOptions{Listener: listener, GetCertificate: getCertificate, Handler: mux, DrainDelay: time.Millisecond})
	require.NoError(t, err)
	ctx, end := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- s.Start(ctx) }()

	pair, err := getCertificate(nil)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "webhook"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+listener.Addr().String()+PodsPath+"?timeout=3s",
		bytes.NewReader(reviewOf(t, podQuestion("demo.tencentcloudcr.com/a/b"))))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Transport: transport}).Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "HTTP/1.1", response.Proto)
	assert.Equal(t, "application/json", response.Header.Get("Content-Type"))
	assert.NotEmpty(t, readResponse(t, text).Patch)

	end()
	require.NoError(t, <-result)
	transport.CloseIdleConnections()
}

func TestServerTellsThatItCannotListen(t *testing.T) {
	t.Parallel()
	listener := newPipeListener()
	require.NoError(t, listener.Close())
	s, err := NewServer(ServerOptions{Listener: listener, GetCertificate: certificate(t), Handler: http.NotFoundHandler()})
	require.NoError(t, err)
	require.ErrorContains(t, s.Start(t.Context()), "serve webhooks: ")
	assert.False(t, s.NeedLeaderElection())
}

func TestNewServerWantsEverything(t *testing.T) {
	t.Parallel()
	_, err := NewServer(ServerOptions{})
	require.Error(t, err)
}

// recordingLogger logs everything and gives it back as text.
func recordingLogger() (logr.Logger, func() string) {
	var mu sync.Mutex
	var lines []string // guarded by mu
	log := funcr.New(func(prefix, args string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, fmt.Sprintln(prefix, args))
	}, funcr.Options{Verbosity: 100})
	return log, func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(lines, "")
	}
}
