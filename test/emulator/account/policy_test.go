package account

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	demo  = "qcs::tcr:ap-guangzhou:uin/100000000001:instance/tcr-m3ut3qxx"
	other = "qcs::tcr:ap-guangzhou:uin/100000000001:instance/tcr-other000"
	every = "qcs::tcr:ap-guangzhou:uin/100000000001:instance/*"
	repo  = "qcs::tcr:ap-guangzhou:uin/100000000001:repository/tcr-m3ut3qxx/team/hello"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	const document = `{"version":"2.0","statement":[
		{"effect":"allow","action":["tcr:CreateInstanceToken","name/tcr:Describe*"],"resource":["qcs::tcr:::instance/tcr-m3ut3qxx"]},
		{"effect":"allow","action":["tcr:PullRepository"],"resource":["qcs::tcr:::repository/tcr-m3ut3qxx/*"]},
		{"effect":"deny","action":["tcr:DescribeInstanceToken"],"resource":["*"]}]}`
	var policy Policy
	require.NoError(t, json.Unmarshal([]byte(document), &policy))
	tests := map[string]struct {
		action, resource string
		want             bool
	}{
		"allowed":                             {"tcr:CreateInstanceToken", demo, true},
		"allowed by pattern and old spelling": {"tcr:DescribeInstances", demo, true},
		"another instance":                    {"tcr:CreateInstanceToken", other, false},
		"all instances":                       {"tcr:DescribeInstances", every, false},
		"not mentioned":                       {"tcr:DeleteInstanceToken", demo, false},
		"denied":                              {"tcr:DescribeInstanceToken", demo, false},
		"a repository of the instance":        {"tcr:PullRepository", repo, true},
		"push to it":                          {"tcr:PushRepository", repo, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, policy.Allows(test.action, test.resource))
		})
	}
}

func TestIdentityRights(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		identity Identity
		action   string
		want     bool
	}{
		"no lists: everything":      {Identity{}, "tcr:DeleteInstanceToken", true},
		"listed":                    {Identity{Actions: []string{"tcr:Create*"}}, "tcr:CreateInstanceToken", true},
		"not listed":                {Identity{Actions: []string{"tcr:Create*"}}, "tcr:PullRepository", false},
		"denied":                    {Identity{Denied: []string{"tcr:PullRepository"}}, "tcr:PullRepository", false},
		"denied beats listed":       {Identity{Actions: []string{"*"}, Denied: []string{"tcr:Pull*"}}, "tcr:PullRepository", false},
		"an empty policy allows no": {Identity{Policy: &Policy{}}, "tcr:CreateInstanceToken", false},
		"a policy replaces Actions": {Identity{Policy: &Policy{}, Actions: []string{"*"}}, "tcr:CreateInstanceToken", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, test.identity.Allows(test.action, demo))
		})
	}
}

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"", "", true}, {"", "a", false},
		{"*", "", true}, {"*", "a/b", true}, {"a*", "ab", true}, {"a*", "ba", false},
		{"*b", "ab", true}, {"a*c", "abc", true}, {"a*c", "abd", false}, {"a*b*c", "a1b2c", true},
	} {
		assert.Equal(t, test.want, glob(test.pattern, test.s), "%q against %q", test.pattern, test.s)
	}
}
