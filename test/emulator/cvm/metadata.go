// Package cvm is the emulator's metadata server, as every instance of Cloud
// Virtual Machine has one: of all its pages, those with the role of the
// instance.
package cvm

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/account"
)

// Action is what the calls count as, and the name of their faults.
const Action = "NodeRole"

const rolesPath = "/latest/meta-data/cam/security-credentials/"

// life is how long an instance's credentials are good for.
const life = 6 * time.Hour

// Metadata is the server.
type Metadata struct{ Book *account.Book }

// Page answers a request for path.
func (m *Metadata) Page(path string) (status int, body []byte) {
	arn, name := m.Book.NodeRole()
	switch rest, ok := strings.CutPrefix(path, rolesPath); {
	case !ok, name == "":
		return http.StatusNotFound, nil
	case rest == "":
		return http.StatusOK, []byte(name)
	case rest != name:
		return http.StatusNotFound, nil
	}
	s, err := m.Book.NodeSession(arn, life)
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	body, err = json.Marshal(map[string]any{
		"TmpSecretId": s.SecretID, "TmpSecretKey": s.SecretKey, "Token": s.Token,
		"ExpiredTime": s.Expires.Unix(), "Expiration": s.Expires.UTC().Format(time.RFC3339), "Code": "Success",
	}, json.Deterministic(true))
	if err != nil {
		return http.StatusInternalServerError, nil
	}
	return http.StatusOK, body
}
