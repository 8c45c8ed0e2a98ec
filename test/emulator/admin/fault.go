package admin

import (
	"net/http"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// fault is tencent.Fault in JSON.
type fault struct {
	Latency     duration `json:"latency,omitzero"`
	Hang        bool     `json:"hang,omitempty"`
	Drop        bool     `json:"drop,omitempty"`
	Status      int      `json:"status,omitempty"`
	Body        string   `json:"body,omitempty"`
	ContentType string   `json:"contentType,omitempty"`
	Code        string   `json:"code,omitempty"`
	Message     string   `json:"message,omitempty"`
	NullFields  bool     `json:"nullFields,omitempty"`
	WrongTypes  bool     `json:"wrongTypes,omitempty"`
	Times       int      `json:"times,omitempty"`
}

func fromFault(f tencent.Fault) fault {
	return fault{
		Latency: duration(f.Latency), Hang: f.Hang, Drop: f.Drop, Status: f.Status, Body: f.Body, ContentType: f.ContentType,
		Code: f.Code, Message: f.Message, NullFields: f.NullFields, WrongTypes: f.WrongTypes, Times: f.Times,
	}
}

func (f fault) fault() tencent.Fault {
	return tencent.Fault{
		Latency: time.Duration(f.Latency), Hang: f.Hang, Drop: f.Drop, Status: f.Status, Body: f.Body, ContentType: f.ContentType,
		Code: f.Code, Message: f.Message, NullFields: f.NullFields, WrongTypes: f.WrongTypes, Times: f.Times,
	}
}

func (a *api) faults(*http.Request) (any, error) {
	all := map[string]fault{}
	for action, f := range a.cloud.Faults() {
		all[action] = fromFault(f)
	}
	return all, nil
}

func (a *api) setFault(r *http.Request) (any, error) {
	action := r.PathValue("action")
	if err := a.checkAction(action); err != nil {
		return nil, err
	}
	var f fault
	if err := read(r, &f, `{"latency": "2s"} or {"code": "InternalError", "times": 3}`); err != nil {
		return nil, err
	}
	if f == (fault{Times: f.Times}) {
		return nil, wrong("the fault is empty: nothing would go wrong; see GET /")
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return nil, wrong("status %d: want an HTTP status between 200 and 599", f.Status)
	}
	if f.Times < 0 {
		return nil, wrong("times %d: want 0 for ever, or the number of calls to break", f.Times)
	}
	a.cloud.SetFault(action, f.fault())
	return map[string]fault{action: f}, nil
}

func (a *api) clearFault(r *http.Request) (any, error) {
	action := r.PathValue("action")
	if err := a.checkAction(action); err != nil {
		return nil, err
	}
	if !a.cloud.ClearFault(action) {
		return nil, missing("%s has no fault", action)
	}
	return a.faults(r)
}

func (a *api) clearFaults(r *http.Request) (any, error) {
	a.cloud.ClearFaults()
	return a.faults(r)
}
