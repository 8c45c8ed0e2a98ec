package tencentcloud

import (
	"sync"
	"time"
)

// Fault is a way for calls to go wrong. Its parts add up: latency first, then
// hang, drop, a raw answer, an error code, a spoilt answer.
type Fault struct {
	Latency time.Duration // wait before anything else
	Hang    bool          // no answer until the client gives up or the fault is cleared
	Drop    bool          // close the connection without an answer

	// Status, Body and ContentType are a raw answer, as of a broken load
	// balancer. With a Code, Status is the HTTP status of the error envelope.
	// A Status without Body and Code has nginx' HTML page of that status.
	Status      int
	Body        string
	ContentType string // of Body; default text/html

	Code    string // an API error: "RequestLimitExceeded", "InternalError"
	Message string // its message; default "emulated fault"

	NullFields bool // do the action, answer null for every field
	WrongTypes bool // do the action, answer numbers for strings and strings for numbers

	Times int // calls to break; 0: all, until cleared
}

// spoils reports whether the action is done and its answer changed.
func (f Fault) spoils() bool { return f.NullFields || f.WrongTypes }

// raw reports whether the fault answers instead of the API.
func (f Fault) raw() bool { return f.Code == "" && (f.Status != 0 || f.Body != "") }

// AnyAction is the name under which a fault breaks every action that has no
// fault of its own.
const AnyAction = "*"

// faults holds the faults in force.
type faults struct {
	// mu guards byAction.
	mu       sync.Mutex
	byAction map[string]*activeFault
}

type activeFault struct {
	Fault
	left    int           // calls left, when Times is set
	cleared chan struct{} // closed when the fault is replaced or cleared
}

func (f *faults) set(action string, fault Fault) {
	if action == "" {
		action = AnyAction
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end(action)
	f.byAction[action] = &activeFault{Fault: fault, left: fault.Times, cleared: make(chan struct{})}
}

// clear ends the fault of one action, and reports whether there was one.
func (f *faults) clear(action string) bool {
	if action == "" {
		action = AnyAction
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.end(action)
}

func (f *faults) clearAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for action := range f.byAction {
		f.end(action)
	}
}

// end drops a fault and lets the calls that hang in it go; f.mu is held.
func (f *faults) end(action string) bool {
	old, ok := f.byAction[action]
	if ok {
		close(old.cleared)
		delete(f.byAction, action)
	}
	return ok
}

func (f *faults) all() map[string]Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]Fault{}
	for action, fault := range f.byAction {
		all[action] = fault.Fault
	}
	return all
}

// take returns the fault to apply to a call, the zero Fault for none, and a
// channel that is closed when it is cleared.
func (f *faults) take(action string) (Fault, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range []string{action, AnyAction} {
		active, ok := f.byAction[name]
		if !ok || (active.Times > 0 && active.left == 0) {
			continue
		}
		active.left--
		return active.Fault, active.cleared
	}
	return Fault{}, nil
}
