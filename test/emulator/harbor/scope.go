package harbor

import (
	"slices"
	"strings"

	"github.com/distribution/distribution/v3/registry/auth/token"
)

// scope is one access asked for: "repository:team/hello:pull,push".
type scope struct {
	kind    string
	name    string
	actions []string
}

// parseScope reads a scope. The name may hold colons, as a host's port does.
func parseScope(s string) (scope, bool) {
	kind, rest, ok := strings.Cut(s, ":")
	last := strings.LastIndex(rest, ":")
	if !ok || kind == "" || last <= 0 {
		return scope{}, false
	}
	actions := []string{}
	for a := range strings.SplitSeq(rest[last+1:], ",") {
		if a != "" && !slices.Contains(actions, a) {
			actions = append(actions, a)
		}
	}
	return scope{kind: kind, name: rest[:last], actions: actions}, len(actions) > 0
}

// parseScopes reads all scopes of a request: several parameters, each with
// several scopes between blanks. What is no scope is left out.
func parseScopes(parameters []string) []scope {
	var scopes []scope
	for _, parameter := range parameters {
		for _, s := range strings.Fields(parameter) {
			if parsed, ok := parseScope(s); ok {
				scopes = append(scopes, parsed)
			}
		}
	}
	return scopes
}

// grant keeps of the scopes what allowed lets through; a scope of which
// nothing is left is dropped.
func grant(scopes []scope, allowed func(action, repository string) bool) []*token.ResourceActions {
	access := []*token.ResourceActions{}
	for _, s := range scopes {
		if s.kind != "repository" {
			continue
		}
		var actions []string
		for _, action := range s.actions {
			if allowed(action, s.name) {
				actions = append(actions, action)
			}
		}
		if len(actions) > 0 {
			access = append(access, &token.ResourceActions{Type: s.kind, Name: s.name, Actions: actions})
		}
	}
	return access
}
