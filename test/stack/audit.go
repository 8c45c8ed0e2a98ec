package stack

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// User is who the replicas are to the API server.
const User = "system:serviceaccount:" + Namespace + ":tcr-webhook"

// entry is a line of the audit.
type entry struct {
	Verb           string `json:"verb"`
	RequestURI     string `json:"requestURI"`
	User           struct{ Username string }
	ResponseStatus struct{ Code int }
	ObjectRef      struct{ APIGroup, Resource, Subresource, Namespace, Name string }
}

// asked is what the replicas asked the API server for.
func (s *Stack) asked() (all []entry, err error) {
	log, err := s.Cluster.AuditLog()
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(log) {
		var e entry
		if json.Unmarshal([]byte(line), &e) != nil {
			continue // the last one, which is being written
		}
		if e.User.Username == User {
			all = append(all, e)
		}
	}
	return all, nil
}

// Touched lists the names of what the replicas asked for of a resource, such as
// secrets, without repetition. Options.Audit must have been set.
func (s *Stack) Touched(resource string) ([]string, error) {
	return s.distinct(func(e entry) (string, bool) { return e.ObjectRef.Name, e.ObjectRef.Resource == resource })
}

// Denied lists what the replicas asked the API server for and may not have,
// without repetition. Options.Audit must have been set.
func (s *Stack) Denied() ([]string, error) {
	return s.distinct(func(e entry) (string, bool) {
		return e.Verb + " " + e.RequestURI, e.ResponseStatus.Code == http.StatusForbidden
	})
}

// distinct is what of says of the entries that it is for, sorted.
func (s *Stack) distinct(of func(entry) (string, bool)) ([]string, error) {
	entries, err := s.asked()
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if text, is := of(e); is {
			list = append(list, text)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// Calls lists what the replicas were let do, without repetition, each as
// "verb group/resource namespace name", with the subresource behind the resource;
// what is missing is a dash. A patch that made the object is its creation as
// well, as it is to the authorizer. Options.Audit must have been set.
func (s *Stack) Calls() ([]string, error) {
	entries, err := s.asked()
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if e.ObjectRef.Resource == "" || e.ResponseStatus.Code >= http.StatusBadRequest && e.ResponseStatus.Code != http.StatusNotFound {
			continue
		}
		list = append(list, e.call(e.Verb))
		if e.Verb == "patch" && e.ResponseStatus.Code == http.StatusCreated {
			list = append(list, e.call("create"))
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

func (e *entry) call(verb string) string {
	ref := e.ObjectRef
	resource := ref.Resource
	if ref.Subresource != "" {
		resource += "/" + ref.Subresource
	}
	return strings.Join([]string{verb, ref.APIGroup + "/" + resource, cmp.Or(ref.Namespace, "-"), cmp.Or(ref.Name, "-")}, " ")
}
