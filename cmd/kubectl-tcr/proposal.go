package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/webhook/policy"
)

// proposal is an allow-list that is not in force: a whole configuration, its
// policy alone, or the list of rules.
type proposal struct {
	name  string
	whole *config.Config // or nil
	list  []policy.Rule
	nodes []*yaml.Node // of the rules, for their places
}

// fragment is a configuration without all but its policy.
type fragment struct {
	Policy *config.Policy      `yaml:"policy"`
	Rules  []config.PolicyRule `yaml:"rules"`
}

// propose reads a candidate.
func propose(s source) (*proposal, error) {
	var tree yaml.Node
	if err := yaml.Unmarshal(s.text, &tree); err != nil {
		return nil, fmt.Errorf("%s: %s", s.name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if child(&tree, "kind") != nil {
		whole, err := s.decode()
		if err != nil {
			return nil, err
		}
		if whole.Policy == nil {
			return nil, fmt.Errorf("%s %w", s.name, errNoPolicy)
		}
		return newProposal(s.name, whole, whole.Policy.Rules, child(child(&tree, "policy"), "rules")), nil
	}
	var f fragment
	dec := yaml.NewDecoder(bytes.NewReader(s.text))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %s", s.name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	at := child(&tree, "rules")
	if f.Policy != nil {
		f.Rules, at = append(f.Policy.Rules, f.Rules...), child(child(&tree, "policy"), "rules")
	}
	if len(f.Rules) == 0 {
		return nil, fmt.Errorf("%s has no rules: want the policy of a configuration, as in policy: {rules: [{name: only-ours, allow: [tcr-m3ut3qxx]}]}, or a whole one", s.name)
	}
	return newProposal(s.name, nil, f.Rules, at), nil
}

func newProposal(name string, whole *config.Config, written []config.PolicyRule, at *yaml.Node) *proposal {
	p := &proposal{name: name, whole: whole}
	if at != nil && len(at.Content) == len(written) { // and no alias
		p.nodes = at.Content
	}
	for _, r := range written {
		if r.Action == "" {
			r.Action = policy.Audit
		}
		p.list = append(p.list, policy.Rule(r))
	}
	return p
}

// rules are the candidate's, if all is right with them.
func (p *proposal) rules(entries []registry.Entry) (*policy.Rules, error) {
	found, mistakes := policy.Parse(p.list)
	if found != nil {
		ids := make([]registry.ID, 0, len(entries))
		for _, e := range entries {
			ids = append(ids, e.ID)
		}
		mistakes = found.Unconfigured(ids)
	}
	errs := make([]error, 0, len(mistakes))
	for _, m := range mistakes {
		errs = append(errs, fmt.Errorf("%s: %s", p.place(m), strings.TrimPrefix(m.Key+": "+m.Text, ": ")))
	}
	return found, errors.Join(errs...)
}

// place is where a mistake is, as exactly as can be told.
func (p *proposal) place(m policy.Mistake) string {
	if p.nodes == nil {
		return fmt.Sprintf("%s: rules[%d]", p.name, m.Rule)
	}
	n := p.nodes[m.Rule]
	if at := child(n, m.Key); at != nil {
		n = at
		if m.Index >= 0 && m.Index < len(at.Content) {
			n = at.Content[m.Index]
		}
	}
	return fmt.Sprintf("%s:%d:%d", p.name, n.Line, n.Column)
}

// child is the value of a key, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	if n != nil && n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
