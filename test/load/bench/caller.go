package main

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
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
)

// caller calls one webhook as an API server does: by HTTP/1.1, over at most 25
// idle connections, whose sessions are not resumed (k8s.io/client-go,
// transport/cache.go; apimachinery, util/net/http.go).
type caller struct {
	client  *http.Client
	url     string
	body    []byte
	mutated []byte // is in every answer that does the job
}

func newCaller(g greeting, body []byte, mutates bool) (*caller, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(g.CA) {
		return nil, errors.New("the server's CA is no PEM")
	}
	c := &caller{
		client: &http.Client{Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}},
			MaxIdleConnsPerHost: 25,
			IdleConnTimeout:     90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second,
		}},
		url:  "https://" + g.Address + contender.Path + "?timeout=3s",
		body: body,
	}
	if mutates {
		c.mutated = []byte(`"patchType":"JSONPatch"`)
	}
	return c, nil
}

// errUnmutated is an answer that is right and does not do the job.
var errUnmutated = errors.New("the pod was let in unmutated")

// errShed is an answer that asks the caller to come again, which an API server
// does of its own accord.
var errShed = errors.New("the call was refused for now")

// call asks once.
func (c *caller) call(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(c.body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, */*")
	r.Header.Set("User-Agent", "kube-apiserver-admission")
	resp, err := c.client.Do(r)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "" {
		return errShed
	}
	if resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"allowed":true`)) {
		return fmt.Errorf("answered with status %d, or did not allow", resp.StatusCode)
	}
	if !bytes.Contains(answer, c.mutated) {
		return errUnmutated
	}
	return nil
}

// through has all connections made by dial, to servers that each have a CA of
// their own.
func (c *caller) through(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	if t, ok := c.client.Transport.(*http.Transport); ok {
		t.DialContext = dial
		t.TLSClientConfig.InsecureSkipVerify = true //nolint:gosec // nothing else listens there
	}
}

func (c *caller) close() { c.client.CloseIdleConnections() }

// losses counts what went wrong beside a timing.
type losses struct {
	Errors, Unmutated int
}

// add counts err, and is true if there is none.
func (l *losses) add(err error) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, errUnmutated):
		l.Unmutated++
	default:
		l.Errors++
	}
	return false
}

func (l *losses) join(other losses) {
	l.Errors += other.Errors
	l.Unmutated += other.Unmutated
}
