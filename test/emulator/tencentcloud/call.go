package tencentcloud

import (
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// Call is one request as the gateway saw it, recorded when it arrives and
// completed when it is answered.
type Call struct {
	Time      time.Time      `json:"time"`
	Service   string         `json:"service"`
	Action    string         `json:"action"`
	Version   string         `json:"version"`
	Region    string         `json:"region,omitempty"`
	SecretID  string         `json:"secretID,omitempty"` // as sent
	UIN       string         `json:"uin,omitempty"`      // of the caller, once known
	RequestID string         `json:"requestID"`
	Params    map[string]any `json:"params,omitempty"` // secret ones are replaced by "[redacted]"

	Answered bool          `json:"answered"` // false: still in flight, or dropped
	Status   int           `json:"status,omitempty"`
	Code     string        `json:"code,omitempty"` // error code answered; empty: success, or a raw answer
	Took     time.Duration `json:"-"`
}

// maxCalls bounds the log of an emulator that runs for days.
const maxCalls = 20000

type callLog struct {
	// mu guards calls, and every *Call in it.
	mu    sync.Mutex
	calls []*Call
}

func (l *callLog) add(c Call) *Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) >= maxCalls {
		l.calls = append([]*Call{}, l.calls[maxCalls/2:]...)
	}
	l.calls = append(l.calls, &c)
	return &c
}

func (l *callLog) change(c *Call, change func(*Call)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(c)
}

// of returns copies of the calls of an action, or of all.
func (l *callLog) of(action string) []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Call
	for _, c := range l.calls {
		if action == "" || action == AnyAction || c.Action == action {
			found = append(found, *c)
		}
	}
	return found
}

// redacted are the request parameters that are secrets.
var redacted = map[string]bool{
	"WebIdentityToken": true, "SAMLAssertion": true, "TokenCode": true, "Password": true,
}

// parameters reads a body for the log; nil if it is not a JSON object.
func parameters(body []byte) map[string]any {
	var params map[string]any
	if err := json.Unmarshal(body, &params); err != nil {
		return nil
	}
	for name := range params {
		if redacted[name] {
			params[name] = "[redacted]"
		}
	}
	return params
}
