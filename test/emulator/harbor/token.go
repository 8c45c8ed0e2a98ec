package harbor

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/distribution/distribution/v3/registry/auth/token"
)

// login is what a client sends to the token service.
type login struct {
	user, password string
	named          bool // credentials were sent at all
	scopes         []string
	service        string
	oauth          bool
}

// readLogin reads both forms of the protocol: GET with Basic credentials, and
// the OAuth2 password grant by POST that containerd tries first.
func readLogin(r *http.Request) (login, bool) {
	switch r.Method {
	case http.MethodGet:
		l := login{scopes: r.URL.Query()["scope"], service: r.URL.Query().Get("service")}
		l.user, l.password, l.named = r.BasicAuth()
		return l, true
	case http.MethodPost:
		l := login{
			scopes: []string{r.PostFormValue("scope")}, service: r.PostFormValue("service"), oauth: true,
			user: r.PostFormValue("username"), password: r.PostFormValue("password"),
			named: r.PostFormValue("username") != "",
		}
		return l, r.PostFormValue("grant_type") == "password"
	}
	return login{}, false
}

func (r *Registry) serveToken(w http.ResponseWriter, req *http.Request, site Site) {
	l, ok := readLogin(req)
	scopes := parseScopes(l.scopes)
	switch {
	case !ok:
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "want GET with basic credentials, or POST with grant_type=password")
		return
	case l.service != service:
		refuse(w, http.StatusBadRequest, "BAD_REQUEST", "unable to handle service: "+l.service)
		return
	case !l.named && (l.oauth || len(scopes) == 0):
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "unauthorized")
		return
	}
	if l.named {
		if err := r.Guard.Login(l.user, l.password); err != nil {
			r.Log.Info("registry login refused", "instance", site.ID, "user", l.user, "reason", err.Error())
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "unauthorized")
			return
		}
	}
	access := grant(scopes, func(action, repository string) bool {
		return l.named && r.hasNamespace(site.ID, repository) && r.Guard.Allows(l.user, action, site.ID, repository)
	})
	r.Log.Info("registry login", "instance", site.ID, "user", l.user, "scopes", l.scopes, "granted", len(access))
	r.answerToken(w, l.user, access)
}

// answerToken sends the token under both of its names: Docker's and OAuth2's.
func (r *Registry) answerToken(w http.ResponseWriter, user string, access []*token.ResourceActions) {
	raw, err := r.tokens.issue(user, access)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "UNKNOWN", "internal server error")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"token": raw, "access_token": raw, "expires_in": int(bearerLife.Seconds()),
		"issued_at": time.Now().UTC().Format(time.RFC3339),
	})
}

// refuse sends an error in the registry's envelope.
func refuse(w http.ResponseWriter, status int, code, message string) {
	type entry struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	writeJSON(w, status, map[string][]entry{"errors": {{code, message}}})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone: there is nobody to tell
}
