package tencentcloud

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
)

// incoming is a request on its way through the gateway.
type incoming struct {
	*http.Request
	body    []byte
	service Service
	id      string
	action  string
	call    *Call
}

// outgoing is an answer.
type outgoing struct {
	status      int
	code        string // for the log
	contentType string
	body        []byte
	drop        bool
}

// answer applies the fault in force, if any, and else does what was asked.
func (g *Gateway) answer(in *incoming) outgoing {
	fault, cleared := g.faults.take(in.action)
	if !wait(in, fault, cleared) || fault.Drop {
		return outgoing{drop: true}
	}
	switch {
	case fault.raw():
		return rawAnswer(fault)
	case fault.Code != "":
		out := failure(in.id, &Error{fault.Code, orDefault(fault.Message, "emulated fault")})
		out.status = orDefault(fault.Status, http.StatusOK)
		return out
	}
	fields, err := g.run(in)
	if err != nil {
		return failure(in.id, err)
	}
	if fault.spoils() {
		fields = spoil(fields, fault)
	}
	return success(in.id, fields)
}

// wait lets the fault's latency pass, and hangs; false means that the client
// is gone.
func wait(in *incoming, fault Fault, cleared <-chan struct{}) bool {
	if fault.Latency > 0 {
		timer := time.NewTimer(fault.Latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-cleared:
		case <-in.Context().Done():
			return false
		}
	}
	if fault.Hang {
		select {
		case <-cleared:
		case <-in.Context().Done():
			return false
		}
	}
	return true
}

func rawAnswer(f Fault) outgoing {
	status := orDefault(f.Status, http.StatusOK)
	page := fmt.Sprintf("<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%[1]d %[2]s</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
		status, http.StatusText(status))
	return outgoing{status: status, contentType: orDefault(f.ContentType, "text/html"), body: []byte(orDefault(f.Body, page))}
}

func failure(id string, err error) outgoing {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{"InternalError", "An internal error has occurred. Retry your request."}
	}
	out := success(id, Fields{"Error": Fields{"Code": e.Code, "Message": e.Message}})
	out.code = e.Code
	return out
}

func success(id string, fields Fields) outgoing {
	response := Fields{"RequestId": id}
	for name, value := range fields {
		response[name] = value
	}
	body, err := json.Marshal(map[string]Fields{"Response": response}, json.Deterministic(true))
	if err != nil { // an action answered what JSON cannot say
		return failure(id, err)
	}
	return outgoing{status: http.StatusOK, contentType: "application/json", body: body}
}

// spoil returns the fields as a faulty server would send them.
func spoil(fields Fields, f Fault) Fields {
	spoilt := Fields{}
	for name, value := range fields {
		switch {
		case f.NullFields:
			spoilt[name] = nil
		default:
			spoilt[name] = wrongType(value)
		}
	}
	return spoilt
}

// wrongType turns strings into numbers and everything else into strings.
func wrongType(value any) any {
	if _, ok := value.(string); ok {
		return 42
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "?"
	}
	return string(text)
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
