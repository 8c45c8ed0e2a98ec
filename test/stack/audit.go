package stack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// user is who the replicas are to the API server.
const user = "system:serviceaccount:" + Namespace + ":tcr-webhook"

// entry is a line of the audit.
type entry struct {
	Verb           string `json:"verb"`
	RequestURI     string `json:"requestURI"`
	User           struct{ Username string }
	ResponseStatus struct{ Code int }
}

// Denied lists what the replicas asked the API server for and may not have,
// without repetition. Options.Audit must have been set.
func (s *Stack) Denied() ([]string, error) {
	log, err := s.Cluster.AuditLog()
	if err != nil {
		return nil, err
	}
	denied := map[string]struct{}{}
	for line := range strings.Lines(log) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			continue // the last one, which is being written
		}
		if e.User.Username == user && e.ResponseStatus.Code == http.StatusForbidden {
			denied[fmt.Sprintf("%s %s", e.Verb, e.RequestURI)] = struct{}{}
		}
	}
	var list []string
	for d := range denied {
		list = append(list, d)
	}
	slices.Sort(list)
	return list, nil
}
