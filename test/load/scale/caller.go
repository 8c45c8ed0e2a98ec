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
	"sync"
	"sync/atomic"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
	"github.com/tcr-webhook/tcr-webhook/test/load/openloop"
)

// endpoint is who is called.
type endpoint struct {
	Address    string `json:"address"`
	ServerName string `json:"serverName"`
	CA         []byte `json:"ca"` // PEM
	Mutates    bool   `json:"mutates"`
}

// order is what the caller is asked to do: to call the first so many endpoints,
// each Calls times at even intervals, about a pod of one namespace after the
// other.
type order struct {
	Endpoints  int           `json:"endpoints"`
	Calls      int           `json:"calls"`
	Every      time.Duration `json:"every"`
	Namespaces []string      `json:"namespaces"`
}

// calls is what came of an order.
type calls struct {
	Took    [][]float64 `json:"took"` // ms from when a call was due to its answer, by endpoint
	Lost    int         `json:"lost"`
	Unready int         `json:"unready"`         // admitted, and told that the Secret is not there
	Error   string      `json:"error,omitempty"` // the first of Lost
}

// call is the program of callCommand: it reads the endpoints and then orders,
// and answers each, until in ends. It is a process of its own so that nothing
// else of the measurement is between a call and its answer.
func call(ctx context.Context, in io.Reader, out io.Writer) error {
	orders, answers := json.NewDecoder(in), json.NewEncoder(out)
	var endpoints []endpoint
	if err := orders.Decode(&endpoints); err != nil {
		return fmt.Errorf("read endpoints: %w", err)
	}
	c, err := newCaller(endpoints)
	if err != nil {
		return err
	}
	for {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read order: %w", err)
		}
		if err := answers.Encode(c.carryOut(ctx, o)); err != nil {
			return err
		}
	}
}

// caller calls webhooks as an API server does: by HTTP/1.1, over at most 25
// idle connections to each, whose sessions are not resumed (k8s.io/client-go,
// transport/cache.go; apimachinery, util/net/http.go).
type caller struct {
	endpoints []endpoint
	clients   []*http.Client
	review    [][]byte // what is between the names of the namespace
}

func newCaller(endpoints []endpoint) (*caller, error) {
	review, err := reviews.Usual("6k")
	if err != nil {
		return nil, err
	}
	c := &caller{endpoints: endpoints, review: bytes.Split(review, []byte(`"namespace":"`+reviews.Namespace+`"`))}
	for _, e := range endpoints {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(e.CA) {
			return nil, fmt.Errorf("the CA of %s is no PEM", e.Address)
		}
		c.clients = append(c.clients, &http.Client{Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, ServerName: e.ServerName, NextProtos: []string{"http/1.1"}},
			MaxIdleConnsPerHost: 25,
			IdleConnTimeout:     90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second,
		}})
	}
	return c, nil
}

// carryOut calls the endpoints in turns.
func (c *caller) carryOut(ctx context.Context, o order) calls {
	all := calls{Took: make([][]float64, o.Endpoints)}
	var mu sync.Mutex // guards all but for Took, which has an endpoint for each goroutine
	var turn atomic.Int64
	var group sync.WaitGroup
	for i := range o.Endpoints {
		group.Go(func() {
			if openloop.Pause(ctx, o.Every*time.Duration(i)/time.Duration(o.Endpoints)) != nil {
				return
			}
			ask := func(ctx context.Context) error {
				return c.ask(ctx, i, o.Namespaces[int(turn.Add(1))%len(o.Namespaces)])
			}
			openloop.Run(ctx, o.Calls, o.Every, ask, func(took time.Duration, err error) {
				if err == nil {
					all.Took[i] = append(all.Took[i], took.Seconds()*1000)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				all.add(err)
			})
		})
	}
	group.Wait()
	return all
}

func (c *calls) add(err error) {
	if errors.Is(err, errUnready) {
		c.Unready++
		return
	}
	c.Lost++
	if c.Error == "" {
		c.Error = err.Error()
	}
}

// errUnready is an answer that admits a pod before its Secret is there.
var errUnready = errors.New("the pod was let in with a warning")

// ask calls one endpoint about a pod of a namespace.
func (c *caller) ask(ctx context.Context, i int, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	body := bytes.Join(c.review, []byte(`"namespace":"`+namespace+`"`))
	url := "https://" + c.endpoints[i].Address + contender.Path + "?timeout=3s"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, */*")
	r.Header.Set("User-Agent", "kube-apiserver-admission")
	resp, err := c.clients[i].Do(r)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	return judge(resp.StatusCode, answer, c.endpoints[i].Mutates)
}

func judge(status int, answer []byte, mutates bool) error {
	switch {
	case status != http.StatusOK || !bytes.Contains(answer, []byte(`"allowed":true`)):
		return fmt.Errorf("answered with status %d, or did not allow", status)
	case mutates && !bytes.Contains(answer, []byte(`"patchType":"JSONPatch"`)):
		return errors.New("the pod was let in unmutated")
	case bytes.Contains(answer, []byte(`"warnings"`)):
		return errUnready
	}
	return nil
}
