package config

import (
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// Policy is the registry allow-list.
type Policy struct {
	// Rules judge each for themselves; an image has to satisfy all of those
	// that select its namespace.
	Rules []PolicyRule `yaml:"rules"`
}

// PolicyRule is one rule of the allow-list.
type PolicyRule struct {
	// Name of the rule, in denials, warnings and metrics.
	Name string `yaml:"name"`
	// Namespaces are ordered globs, of which the last match decides; "!"
	// before a glob excludes. Default ["*"]. kube-system and our own namespace
	// are always exempt.
	Namespaces []string `yaml:"namespaces"`
	// Allow are patterns of images that may run: an instance id, tke-system,
	// host[:port][/path], or an image of Docker Hub. Left out, whatever deny
	// does not name may run.
	Allow []string `yaml:"allow"`
	// Deny are patterns of images that may not run, whatever allow says.
	Deny []string `yaml:"deny"`
	// RequireDigest asks for images by digest.
	RequireDigest bool `yaml:"requireDigest"`
	// Action is Audit, the default, Warn or Enforce.
	Action policy.Action `yaml:"action"`
}

// rules are the rules as they are compiled; nil where there is no policy.
func (p *Policy) rules() (*policy.Rules, []policy.Mistake) {
	if p == nil {
		return nil, nil
	}
	rules := make([]policy.Rule, 0, len(p.Rules))
	for _, r := range p.Rules {
		rules = append(rules, policy.Rule(r))
	}
	return policy.Parse(rules)
}

// PolicyRules are the rules of the allow-list; nil where there is none.
func (c *Config) PolicyRules() *policy.Rules {
	rules, _ := c.Policy.rules() // validate has found every mistake
	return rules
}

func (p *Policy) setDefaults() {
	if p == nil {
		return
	}
	for i := range p.Rules {
		if p.Rules[i].Action == "" {
			p.Rules[i].Action = policy.Audit
		}
	}
}

// validatePolicy checks the rules, and that the instances they name are among
// the registries.
func (c *Config) validatePolicy(m *mistakes) {
	rules, found := c.Policy.rules()
	if c.Policy != nil && len(c.Policy.Rules) == 0 {
		m.add("has no rule; leave it out for no allow-list", "policy", "rules")
	}
	if rules != nil {
		var ids []registry.ID
		for i := range c.Registries {
			ids = append(ids, registry.ID(c.Registries[i].Instance))
		}
		found = rules.Unconfigured(ids)
	}
	m.addPolicy(found)
}

// lintPolicy finds what is allowed in the rules and hardly meant, as far as
// the hosts of instances are written down here.
func (c *Config) lintPolicy(m *mistakes) {
	entries, err := c.Entries()
	if err != nil {
		return // of a configuration that Decode has not read
	}
	d, _ := registry.NewDirectory(entries)
	m.addPolicy(c.PolicyRules().Lint(d, ""))
}

// addPolicy gives what package policy finds its place.
func (m *mistakes) addPolicy(found []policy.Mistake) {
	for _, one := range found {
		path := []any{"policy", "rules", one.Rule}
		if one.Key != "" {
			path = append(path, one.Key)
		}
		if one.Index >= 0 {
			path = append(path, one.Index)
		}
		m.add(one.Text, path...)
	}
}
