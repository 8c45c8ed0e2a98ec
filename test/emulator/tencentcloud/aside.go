package tencentcloud

import (
	"net/http"

	"github.com/go-json-experiment/json"
)

// Aside serves what is no API of the gateway, but is to fail and to be recorded
// like one: the calls count as action, and its faults break them. A fault's
// Code is answered as the page's own member of that name.
func (g *Gateway) Aside(service, action string, page func(path string) (status int, body []byte)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := incoming{Request: r, action: action, id: requestID()}
		in.call = g.calls.add(Call{Time: g.Now(), Service: service, Action: action, RequestID: in.id})
		out := g.aside(&in, page)
		g.calls.change(in.call, func(c *Call) { c.Answered, c.Status, c.Code = !out.drop, out.status, out.code })
		g.Log.Info("call", "service", service, "action", action, "path", r.URL.Path, "status", out.status, "code", out.code)
		g.write(w, out)
	})
}

func (g *Gateway) aside(in *incoming, page func(path string) (int, []byte)) outgoing {
	fault, cleared := g.faults.take(in.action)
	if !wait(in, fault, cleared) || fault.Drop {
		return outgoing{drop: true}
	}
	switch {
	case fault.raw():
		return rawAnswer(fault)
	case fault.Code != "":
		body, err := json.Marshal(map[string]string{"Code": fault.Code})
		if err != nil {
			return rawAnswer(Fault{Status: http.StatusInternalServerError})
		}
		return outgoing{status: orDefault(fault.Status, http.StatusOK), code: fault.Code, contentType: "application/json", body: body}
	}
	status, body := page(in.URL.Path)
	return outgoing{status: status, contentType: "text/plain", body: body}
}
