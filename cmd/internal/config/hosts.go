package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Hosts are the names of an instance, as a mapping, or those that a fixed
// login is good for, as a list.
type Hosts struct {
	// Public is the host that images are written with, such as
	// demo.tencentcloudcr.com.
	Public string `yaml:"public"`
	// Private is the host by the private link, such as
	// demo-vpc.tencentcloudcr.com.
	Private string `yaml:"private"`
	// Custom are domains of one's own that lead to the instance.
	Custom []string `yaml:"custom"`
	// List is the other form; nil for a mapping.
	List []string `yaml:"-"`
}

// UnmarshalYAML reads both forms, as strictly as the rest of the file.
func (h *Hosts) UnmarshalYAML(n *yaml.Node) error {
	switch n.Kind {
	case yaml.SequenceNode:
		h.List = []string{}
		return n.Decode(&h.List)
	case yaml.MappingNode:
	default:
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: hosts is neither a mapping of public, private and custom nor a list", n.Line)}}
	}
	if unknown := unknownHosts(n); len(unknown) > 0 {
		return &yaml.TypeError{Errors: unknown}
	}
	type mapping Hosts // without this method
	return n.Decode((*mapping)(h))
}

// unknownHosts complains of keys as the library does where it is told to: a
// decoder within a decoder forgets.
func unknownHosts(n *yaml.Node) (errs []string) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch key := n.Content[i]; key.Value {
		case "public", "private", "custom":
		default:
			errs = append(errs, fmt.Sprintf("line %d: field %s not found in type config.Hosts", key.Line, key.Value))
		}
	}
	return errs
}

func (h *Hosts) registry() registry.Hosts {
	hosts := registry.Hosts{Public: registry.Host(h.Public), Private: registry.Host(h.Private)}
	custom := h.Custom
	if len(h.List) > 0 {
		hosts.Public, custom = registry.Host(h.List[0]), h.List[1:]
	}
	for _, c := range custom {
		hosts.Custom = append(hosts.Custom, registry.Host(c))
	}
	return hosts
}

// validate checks the hosts of an instance, of the entry i.
func (h *Hosts) validate(m *mistakes, i int) {
	if h.List != nil {
		m.add("is a list, which is the form for fixed logins; for an instance give a mapping such as {public: demo"+registry.Suffix+"}", "registries", i, "hosts")
		return
	}
	checkHost(m, h.Public, i, "public")
	if h.Private != "" {
		checkHost(m, h.Private, i, "private")
	}
	for j, c := range h.Custom {
		checkHost(m, c, i, "custom", j)
	}
}

// validateList checks the hosts of a fixed login, of the entry i.
func (h *Hosts) validateList(m *mistakes, i int) {
	if h == nil || len(h.List) == 0 {
		m.add("is not a list of the hosts that the login is good for, such as [ccr.ccs.tencentyun.com]", "registries", i, "hosts")
		return
	}
	for j, host := range h.List {
		checkHost(m, host, i, j)
	}
}

func checkHost(m *mistakes, host string, i int, path ...any) {
	if _, err := registry.ParseHost(host); err != nil {
		m.add(err.Error(), append([]any{"registries", i, "hosts"}, path...)...)
	}
}
