package admin

import (
	"io"
	"net/http"
	"time"
)

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
