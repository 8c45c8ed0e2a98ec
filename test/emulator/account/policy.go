package account

import "strings"

// Statement allows or denies actions on resources, as one entry of a CAM
// policy document does.
type Statement struct {
	Effect   string   `json:"effect"`   // "allow" or "deny"
	Action   []string `json:"action"`   // "tcr:CreateInstanceToken", "tcr:Describe*", "*"
	Resource []string `json:"resource"` // "qcs::tcr:::instance/tcr-m3ut3qxx", "*"; none: every resource
}

// Policy is a CAM policy document. What no statement allows is denied, and a
// deny beats every allow.
type Policy struct {
	Version   string      `json:"version"`
	Statement []Statement `json:"statement"`
}

// Allows reports whether p lets action happen on resource, a six-segment name
// such as "qcs::tcr:ap-guangzhou:uin/100000000001:instance/tcr-m3ut3qxx".
func (p Policy) Allows(action, resource string) bool {
	allowed := false
	for _, s := range p.Statement {
		if !s.covers(action, resource) {
			continue
		}
		if s.Effect != "allow" {
			return false
		}
		allowed = true
	}
	return allowed
}

func (s Statement) covers(action, resource string) bool {
	return anyMatch(s.Action, func(pattern string) bool {
		return glob(strings.TrimPrefix(pattern, "name/"), action) // CAM's old spelling has a prefix
	}) && (len(s.Resource) == 0 || anyMatch(s.Resource, func(pattern string) bool {
		return matchResource(pattern, resource)
	}))
}

func anyMatch(patterns []string, match func(string) bool) bool {
	for _, p := range patterns {
		if match(p) {
			return true
		}
	}
	return false
}

// resourceSegments is the number of colon-separated parts of a resource name:
// qcs, project, service, region, account, resource.
const resourceSegments = 6

// matchResource compares segment by segment; an empty segment of the pattern
// stands for any value.
func matchResource(pattern, resource string) bool {
	if pattern == "*" {
		return true
	}
	want := strings.SplitN(pattern, ":", resourceSegments)
	got := strings.SplitN(resource, ":", resourceSegments)
	if len(want) != resourceSegments || len(got) != resourceSegments {
		return false
	}
	for i := range want {
		if want[i] != "" && !glob(want[i], got[i]) {
			return false
		}
	}
	return true
}

// glob matches "*" against any run of characters.
func glob(pattern, s string) bool {
	head, tail, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	rest, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	for i := 0; i <= len(rest); i++ {
		if glob(tail, rest[i:]) {
			return true
		}
	}
	return false
}
