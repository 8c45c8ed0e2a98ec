package tcr

import (
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	tlsTimeout  = 5 * time.Second
	// idleTimeout keeps a connection from one call of a series to the next;
	// renewals are half an hour apart.
	idleTimeout = 30 * time.Second
	// maxAnswer is far above any answer we ask for: a token has under 1 KiB,
	// and a hundred instances some 100 KiB.
	maxAnswer = 1 << 20
)

var (
	errRedirect = errors.New("the address answers with a redirect, which the API never does")
	errEncoding = errors.New("the answer is compressed in a way that was not asked for")
)

// guard is the HTTP transport below the SDK. It keeps from it what the SDK
// would mishandle: redirects, which could carry a signed call elsewhere, and
// answers without an end, which it would read to memory.
type guard struct {
	next http.RoundTripper
	skew atomic.Int64 // time.Duration; what our clock was ahead of the API's, last seen
}

// newGuard returns a guard over connections of its own, which honours
// HTTPS_PROXY as other programs do. It speaks HTTP/1.1: a connection that
// hung is then closed with its call, and not used for the next.
func newGuard() *guard {
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &guard{next: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: tlsTimeout,
		IdleConnTimeout:     idleTimeout,
		MaxIdleConnsPerHost: 2,
		Protocols:           onlyHTTP1(),
	}}
}

func onlyHTTP1() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	return &p
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := g.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		g.skew.Store(int64(time.Since(at)))
	}
	if err := acceptable(resp); err != nil {
		_ = resp.Body.Close() // the answer is refused whatever becomes of it
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}

// acceptable refuses what the API does not send.
func acceptable(resp *http.Response) error {
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return errRedirect
	case resp.Header.Get("Content-Encoding") != "": // gzip is already undone
		return errEncoding
	default:
		return nil
	}
}

// clockAhead is how far our clock was ahead of the API's at the last answer.
func (g *guard) clockAhead() time.Duration { return time.Duration(g.skew.Load()) }
