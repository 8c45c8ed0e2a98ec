package admin

import (
	"io"
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

func (a *api) setTokenLifetime(r *http.Request) (any, error) {
	var in struct {
		Lifetime duration `json:"lifetime"`
	}
	if err := read(r, &in, `{"lifetime": "20s"}`); err != nil {
		return nil, err
	}
	if in.Lifetime < duration(time.Second) {
		return nil, wrong("lifetime %s: want at least 1s, as in {\"lifetime\": \"20s\"}", time.Duration(in.Lifetime))
	}
	a.cloud.SetTokenLifetime(time.Duration(in.Lifetime))
	return in, nil
}

// pullToken answers user:password, as curl -u takes it.
func (a *api) pullToken(w http.ResponseWriter, _ *http.Request) {
	user, token, err := a.cloud.PullToken(a.cloud.DefaultIdentity())
	if err != nil {
		http.Error(w, "no pull token", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, user+":"+token)
}

// identity is tencent.Identity without its key.
type identity struct {
	SecretID string   `json:"secretID"`
	UIN      string   `json:"uin"`
	OwnerUIN string   `json:"ownerUIN"`
	Actions  []string `json:"actions,omitempty"`
	Denied   []string `json:"denied,omitempty"`
}

func (a *api) identities(*http.Request) (any, error) {
	list := []identity{}
	for _, i := range a.cloud.Identities() {
		list = append(list, identity{i.SecretID, i.UIN, i.OwnerUIN, i.Actions, i.Denied})
	}
	return list, nil
}

func (a *api) changeIdentity(r *http.Request) (any, error) {
	id, command := r.PathValue("id"), r.PathValue("command")
	change := map[string]func(string) bool{"revoke": a.cloud.Revoke, "restore": a.cloud.Restore}[command]
	if change == nil {
		return nil, missing("cannot %q an identity; revoke and restore are what there is", command)
	}
	if !change(id) {
		return nil, missing("there is no SecretId %q; GET /identities lists them", id)
	}
	return map[string]string{command: id}, nil
}

// instance is what a person says about a tencent.Instance.
type instance struct {
	ID            string   `json:"id,omitempty"`
	Name          string   `json:"name"`
	Region        string   `json:"region,omitempty"`
	Status        string   `json:"status,omitempty"`
	CustomDomains []string `json:"customDomains,omitempty"`
}

func (a *api) instances(*http.Request) (any, error) {
	list := []instance{}
	for _, i := range a.cloud.Instances() {
		entry := instance{ID: i.ID, Name: i.Name, Region: i.Region, Status: i.Status}
		for _, d := range i.CustomDomains {
			entry.CustomDomains = append(entry.CustomDomains, d.Name)
		}
		list = append(list, entry)
	}
	return list, nil
}

func (a *api) putInstance(r *http.Request) (any, error) {
	var in instance
	if err := read(r, &in, `{"name": "demo", "region": "ap-guangzhou"}`); err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	if in.ID != "" && in.ID != id {
		return nil, wrong("the body is about %s, the path about %s", in.ID, id)
	}
	i := tencent.Instance{ID: id, Name: in.Name, Region: in.Region, Status: in.Status}
	for _, name := range in.CustomDomains {
		i.CustomDomains = append(i.CustomDomains, tencent.CustomDomain{Name: name})
	}
	if err := a.cloud.PutInstance(i); err != nil {
		return nil, wrong("%w", err)
	}
	return a.instances(r)
}

func (a *api) removeInstance(r *http.Request) (any, error) {
	if id := r.PathValue("id"); !a.cloud.RemoveInstance(id) {
		return nil, missing("there is no instance %q; GET /instances lists them", id)
	}
	return a.instances(r)
}

func (a *api) pushImage(r *http.Request) (any, error) {
	var in struct {
		Ref string `json:"ref"`
	}
	if err := read(r, &in, `{"ref": "demo.tencentcloudcr.com/team/hello:2"}`); err != nil {
		return nil, err
	}
	digest, err := a.cloud.Push(r.Context(), in.Ref)
	if err != nil {
		return nil, wrong("%w", err)
	}
	return map[string]string{"ref": in.Ref, "digest": digest}, nil
}
