package tencentcloud

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/account"
)

// Options are what a Gateway needs. All but NoLimits is required.
type Options struct {
	Book     *account.Book
	Now      func() time.Time
	Log      *slog.Logger
	Services []Service
	NoLimits bool // answer RequestLimitExceeded only where a Fault says so
}

// Gateway serves the API of all its services.
type Gateway struct {
	Options
	regions map[string]uint64
	faults  faults
	calls   callLog
	limits  limits
}

// New returns a Gateway without faults and calls.
func New(o Options) *Gateway {
	return &Gateway{
		Options: o,
		regions: RegionIDs(),
		faults:  faults{byAction: map[string]*activeFault{}},
		limits:  limits{buckets: map[limitKey]*rate.Limiter{}},
	}
}

// SetFault breaks the calls of an action from now on; "" and "*" stand for
// every action.
func (g *Gateway) SetFault(action string, f Fault) { g.faults.set(action, f) }

// ClearFault ends the fault of one action and reports whether there was one.
func (g *Gateway) ClearFault(action string) bool { return g.faults.clear(action) }

// ClearFaults ends all faults.
func (g *Gateway) ClearFaults() { g.faults.clearAll() }

// Faults returns the faults in force by action.
func (g *Gateway) Faults() map[string]Fault { return g.faults.all() }

// Calls returns the calls of an action so far, oldest first; "" for all.
func (g *Gateway) Calls(action string) []Call { return g.calls.of(action) }

// Actions returns the names of all actions of all services, sorted.
func (g *Gateway) Actions() []string {
	var names []string
	for _, s := range g.Services {
		names = slices.AppendSeq(names, maps.Keys(s.Actions))
	}
	slices.Sort(names)
	return names
}

// Handler serves the API. A request for a host like tcr.tencentcloudapi.com
// goes to the service of that name, any other to the one named here.
func (g *Gateway) Handler(service string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.serve(w, r, g.service(r.Host, service))
	})
}

func (g *Gateway) service(host, fallback string) Service {
	label, _, _ := strings.Cut(host, ".")
	var chosen Service
	for _, s := range g.Services {
		if s.Name == label {
			return s
		}
		if s.Name == fallback {
			chosen = s
		}
	}
	return chosen
}

// maxBody is the size limit of a signed JSON request.
const maxBody = 10 << 20

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, s Service) {
	start := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the client went away, or sent more than it may: MaxBytesReader closes the connection
	}
	in := incoming{Request: r, body: body, service: s, id: requestID(), action: r.Header.Get("X-TC-Action")}
	in.call = g.calls.add(Call{
		Time: g.Now(), Service: s.Name, Action: in.action, Version: r.Header.Get("X-TC-Version"),
		Region: r.Header.Get("X-TC-Region"), RequestID: in.id, Params: parameters(body),
	})
	out := g.answer(&in)
	g.calls.change(in.call, func(c *Call) {
		c.Answered, c.Status, c.Code, c.Took = !out.drop, out.status, out.code, time.Since(start)
	})
	g.Log.Info("api call", "service", s.Name, "action", in.action, "region", in.call.Region,
		"secretID", in.call.SecretID, "status", out.status, "code", out.code, "requestID", in.id)
	g.write(w, out)
}

// write sends out; a dropped call ends its connection.
func (g *Gateway) write(w http.ResponseWriter, out outgoing) {
	if out.drop {
		panic(http.ErrAbortHandler) // how net/http says: close it, log nothing
	}
	w.Header().Set("Content-Type", out.contentType)
	w.Header().Set("Date", g.Now().UTC().Format(http.TimeFormat))
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // the client is gone: there is nobody to tell
}

// requestID is a random UUID.
func requestID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
