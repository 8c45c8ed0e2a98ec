package admin

import (
	"net/http"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

// call is tencent.Call with a duration a person can read.
type call struct {
	tencent.Call
	Took duration `json:"took,omitzero"`
}

func (a *api) calls(r *http.Request) (any, error) {
	action := r.URL.Query().Get("action")
	if action != "" {
		if err := a.checkAction(action); err != nil {
			return nil, err
		}
	}
	list := []call{}
	for _, c := range a.cloud.Calls(action) {
		list = append(list, call{c, duration(c.Took)})
	}
	return list, nil
}
