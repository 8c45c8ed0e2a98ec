// Package admin lets a person turn the emulator's knobs at run time, over HTTP
// with JSON: faults, token life, identities, instances, images, and the log of
// calls.
//
// It has no authentication: serve it on loopback, as the emulator command
// does. Wrong requests are answered with what would be right.
package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// Help is what the endpoint can do; it is the answer to GET / as well.
const Help = `PUT    /faults/{action}          break an action ("*": all), e.g. {"latency": "2s", "times": 3},
                                 {"hang": true}, {"drop": true}, {"code": "RequestLimitExceeded"},
                                 {"status": 502}, {"body": "<html>", "contentType": "text/html"},
                                 {"nullFields": true}, {"wrongTypes": true}
DELETE /faults/{action}          mend it; DELETE /faults mends all
GET    /faults                   the faults in force
GET    /calls[?action=NAME]      the API calls so far
PUT    /token-lifetime           {"lifetime": "20s"}, for the tokens issued from now on
POST   /pull-token               a pull token of the first identity, as user:password
GET    /identities               who may call
POST   /identities/{id}/revoke   disable a SecretId and its tokens; /restore enables them again
GET    /instances                the instances
PUT    /instances/{id}           add or replace one: {"name": "demo", "region": "ap-guangzhou"},
                                 with "links": [{"vpc": "vpc-abc123", "ip": "10.0.0.2"}] and
                                 "dns": [{"vpc": "vpc-abc123", "ip": "10.0.0.2", "public": true}]
DELETE /instances/{id}           remove one
POST   /images                   push a small image: {"ref": "demo.tencentcloudcr.com/team/hello:2"}
`

// Handler serves the knobs of a Cloud.
func Handler(c *tencent.Cloud) http.Handler {
	a := &api{c}
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(*http.Request) (any, error){
		"GET /faults":                     a.faults,
		"DELETE /faults":                  a.clearFaults,
		"PUT /faults/{action}":            a.setFault,
		"DELETE /faults/{action}":         a.clearFault,
		"GET /calls":                      a.calls,
		"PUT /token-lifetime":             a.setTokenLifetime,
		"GET /identities":                 a.identities,
		"POST /identities/{id}/{command}": a.changeIdentity,
		"GET /instances":                  a.instances,
		"PUT /instances/{id}":             a.putInstance,
		"DELETE /instances/{id}":          a.removeInstance,
		"POST /images":                    a.pushImage,
	} {
		mux.Handle(pattern, answering(serve))
	}
	mux.HandleFunc("POST /pull-token", a.pullToken)
	mux.HandleFunc("GET /{$}", help)
	mux.HandleFunc("/", noSuchRequest)
	return mux
}

type api struct{ cloud *tencent.Cloud }

// failure is an error with the HTTP status that says whose fault it is.
type failure struct {
	status int
	error
}

func wrong(format string, args ...any) error {
	return failure{http.StatusBadRequest, fmt.Errorf(format, args...)}
}

func missing(format string, args ...any) error {
	return failure{http.StatusNotFound, fmt.Errorf(format, args...)}
}

// answering makes a handler of a function that returns the answer.
func answering(serve func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := serve(r)
		status := http.StatusOK
		if err != nil {
			status = http.StatusInternalServerError
			var f failure
			if errors.As(err, &f) {
				status = f.status
			}
			body = map[string]string{"error": err.Error()}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(body) // the client is gone: there is nobody to tell
	})
}

func help(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, Help)
}

func noSuchRequest(w http.ResponseWriter, r *http.Request) {
	answering(func(*http.Request) (any, error) {
		return nil, missing("%s %s is not a request of this endpoint; GET / lists them", r.Method, r.URL.Path)
	}).ServeHTTP(w, r)
}

// read decodes a request's JSON body; a name it does not know is an error.
func read(r *http.Request, into any, example string) error {
	decoder := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return wrong("read body: %s; want for example %s", strings.TrimPrefix(err.Error(), "json: "), example)
	}
	return nil
}

// duration is written as Go writes durations: "1500ms".
type duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 {
		return fmt.Errorf("%q is no duration like 1500ms or 20s", text)
	}
	*d = duration(parsed)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (a *api) checkAction(action string) error {
	if action == "*" || slices.Contains(a.cloud.Actions(), action) {
		return nil
	}
	return missing("there is no action %q; there are * and %s", action, strings.Join(a.cloud.Actions(), ", "))
}
