package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/openloop"
)

// endpoint is a webhook that is called, and what came of it.
type endpoint struct {
	target
	client *http.Client
	body   []byte
	uid    string // of the review, which an answer has to repeat
	limit  time.Duration
	turns  []turn
}

// turn is one round of an endpoint.
type turn struct {
	latencies []time.Duration // of calls that were answered, in order
	errors    int             // calls that failed
	denied    int             // answered, and not allowed
	patched   int             // answered with a patch
	first     error           // the first of errors
}

func newEndpoint(t target, body []byte, o *options) (*endpoint, error) {
	var review struct {
		Request struct {
			UID string `json:"uid"`
		} `json:"request"`
	}
	if err := json.Unmarshal(body, &review); err != nil || review.Request.UID == "" {
		return nil, fmt.Errorf("%s is no AdmissionReview with a request.uid", o.body)
	}
	config, err := trust(o)
	if err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!o.http2)
	protocols.SetHTTP2(o.http2)
	return &endpoint{
		target: t, body: body, uid: review.Request.UID, limit: o.timeout,
		// As an API server's: 25 idle connections, whose sessions are not resumed
		// (k8s.io/client-go, transport/cache.go; apimachinery, util/net/http.go).
		client: &http.Client{Transport: &http.Transport{
			TLSClientConfig: config, Protocols: protocols,
			MaxIdleConnsPerHost: 25, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
		}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, // nor is it sent elsewhere
	}, nil
}

func trust(o *options) (*tls.Config, error) {
	if o.insecure {
		return &tls.Config{InsecureSkipVerify: true}, nil //nolint:gosec // it was asked for
	}
	if o.ca == "" {
		return &tls.Config{}, nil
	}
	data, err := os.ReadFile(o.ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s has no certificate as PEM", o.ca)
	}
	return &tls.Config{RootCAs: roots}, nil
}

func (e *endpoint) close() { e.client.CloseIdleConnections() }

// errDenied is an answer that does not let the object in.
var errDenied = errors.New("the review was denied")

// ask asks once and tells whether the answer has a patch.
func (e *endpoint) ask(ctx context.Context) (patched bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(e.body))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, */*")
	resp, err := e.client.Do(r)
	if err != nil {
		return false, err
	}
	answer, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return false, err
	}
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("answered with status %d", resp.StatusCode)
	}
	return e.judge(answer)
}

// judge reads an answer as an API server does.
func (e *endpoint) judge(answer []byte) (patched bool, err error) {
	var review struct {
		Response *struct {
			UID     string `json:"uid"`
			Allowed bool   `json:"allowed"`
			Patch   []byte `json:"patch"`
		} `json:"response"`
	}
	switch err := json.Unmarshal(answer, &review); {
	case err != nil || review.Response == nil:
		return false, errors.New("answered with something that is no AdmissionReview")
	case review.Response.UID != e.uid:
		return false, errors.New("answered another review")
	case !review.Response.Allowed:
		return false, errDenied
	}
	return len(review.Response.Patch) > 0, nil
}

// turn is one round.
func (e *endpoint) turn(ctx context.Context, o *options) (t turn) {
	var patched atomic.Int64
	call := func(ctx context.Context) error {
		has, err := e.ask(ctx)
		if has {
			patched.Add(1)
		}
		return err
	}
	openloop.Run(ctx, o.calls(), time.Second/time.Duration(o.rate), call, func(took time.Duration, err error) {
		if err != nil && !errors.Is(err, errDenied) {
			t.errors++
			if t.first == nil {
				t.first = err
			}
			return
		}
		if err != nil {
			t.denied++
		}
		t.latencies = append(t.latencies, took)
	})
	t.patched = int(patched.Load())
	slices.Sort(t.latencies)
	return t
}
