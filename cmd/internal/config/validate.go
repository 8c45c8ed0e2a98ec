package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// mistake is something wrong with the value at path.
type mistake struct {
	path []any // keys and indices from the root
	text string
}

type mistakes []mistake

func (m *mistakes) add(text string, path ...any) { *m = append(*m, mistake{path, text}) }

// at gives each mistake its place in the file.
func (m mistakes) at(name string, tree *yaml.Node) error {
	errs := make([]error, 0, len(m))
	for _, one := range m {
		n := locate(tree, one.path)
		errs = append(errs, fmt.Errorf("%s:%d:%d: %s: %s", name, n.Line, n.Column, pathString(one.path), one.text))
	}
	return errors.Join(errs...)
}

// locate finds the value at path, or the nearest that holds it.
func locate(n *yaml.Node, path []any) *yaml.Node {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		return locate(n.Content[0], path)
	}
	if len(path) == 0 {
		return n
	}
	switch step := path[0].(type) {
	case string:
		for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
			if n.Content[i].Value == step {
				return locate(n.Content[i+1], path[1:])
			}
		}
	case int:
		if n.Kind == yaml.SequenceNode && step < len(n.Content) {
			return locate(n.Content[step], path[1:])
		}
	}
	return n
}

func pathString(path []any) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		}
	}
	return b.String()
}

// maxFirstPodGrace stays inside the three seconds that the API server gives
// the webhook, with room for the answer.
const maxFirstPodGrace = 2 * time.Second

func (c *Config) validate() mistakes {
	var m mistakes
	if c.APIVersion != APIVersion {
		m.add(fmt.Sprintf("is %q, want %s", c.APIVersion, APIVersion), "apiVersion")
	}
	if c.Kind != Kind {
		m.add(fmt.Sprintf("is %q, want %s", c.Kind, Kind), "kind")
	}
	c.TencentCloud.validate(&m)
	if len(c.Registries) == 0 {
		m.add("names no registry; add at least one, such as - instance: tcr-m3ut3qxx", "registries")
	}
	for i := range c.Registries {
		c.validateRegistry(&m, i)
	}
	if msgs := validation.IsDNS1123Subdomain(c.PullSecret.Name); len(msgs) > 0 {
		m.add(fmt.Sprintf("%q is not the name of a Secret: %s", c.PullSecret.Name, msgs[0]), "pullSecret", "name")
	}
	oneOf(&m, c.PullSecret.Missing, []Missing{MissingWarn, MissingDeny}, "pullSecret", "missing")
	oneOf(&m, c.PullSecret.ServiceAccounts, []ServiceAccounts{ServiceAccountsNever, ServiceAccountsOnRequest}, "pullSecret", "serviceAccounts")
	for i, owner := range c.Rewrite.SkipOwners {
		if group, kind, ok := strings.Cut(owner, "/"); !ok || len(validation.IsDNS1123Subdomain(group)) > 0 || !kindPattern.MatchString(kind) {
			m.add(fmt.Sprintf("%q is not a controller such as postgresql.cnpg.io/Cluster", owner), "rewrite", "skipOwners", i)
		}
	}
	c.validateNetwork(&m)
	c.validatePolicy(&m)
	if grace := time.Duration(*c.FirstPodGrace); grace < 0 || grace > maxFirstPodGrace {
		m.add(fmt.Sprintf("%s is out of range: want 0s to %s", grace, maxFirstPodGrace), "firstPodGrace")
	}
	return m
}

var (
	regionPattern = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]+)+$`)
	kindPattern   = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	vpcPattern    = regexp.MustCompile(`^vpc-[0-9a-z]+$`)
)

func (t *TencentCloud) validate(m *mistakes) {
	if !regionPattern.MatchString(t.Region) {
		m.add(fmt.Sprintf("%q is not a region such as ap-guangzhou", t.Region), "tencentCloud", "region")
	}
	if t.VPC != "" && !vpcPattern.MatchString(t.VPC) {
		m.add(fmt.Sprintf("%q is not a VPC id such as vpc-abc123", t.VPC), "tencentCloud", "vpc")
	}
	oneOf(m, t.Identity, identities(), "tencentCloud", "identity")
	checkRole(m, t.AssumeRole, "tencentCloud", "assumeRole")
	if t.RootDomain != "" && len(validation.IsDNS1123Subdomain(t.RootDomain)) > 0 {
		m.add(fmt.Sprintf("%q is not a domain such as internal.tencentcloudapi.com", t.RootDomain), "tencentCloud", "rootDomain")
	}
	checkEndpoint(m, t.Endpoint, "tencentCloud", "endpoint")
	checkEndpoint(m, t.STSEndpoint, "tencentCloud", "stsEndpoint")
	if t.Endpoint != "" && t.RootDomain != "" {
		m.add("excludes endpoint; give one of them", "tencentCloud", "rootDomain")
	}
}

func checkEndpoint(m *mistakes, endpoint string, path ...any) {
	if endpoint == "" {
		return
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		m.add(fmt.Sprintf("%q is not the URL of an API such as https://tcr.tencentcloudapi.com", endpoint), path...)
		return
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		m.add(fmt.Sprintf("%q would send tokens in clear; plain http is taken for loopback addresses only", endpoint), path...)
	}
}

// namespaces is the selection of the entry.
func (r *Registry) namespaces() (registry.Namespaces, error) {
	if r.NamespaceSelector == nil {
		return registry.SelectNamespaces(r.Namespaces, nil)
	}
	selector, err := metav1.LabelSelectorAsSelector(r.NamespaceSelector.kubernetes())
	if err != nil {
		return registry.Namespaces{}, err
	}
	return registry.SelectNamespaces(r.Namespaces, selector)
}

// excluded complains of a value that has no place in its entry.
func (m *mistakes) excluded(given bool, text string, path ...any) {
	if given {
		m.add(text, path...)
	}
}

func oneOf[T ~string](m *mistakes, got T, known []T, path ...any) {
	if slices.Contains(known, got) {
		return
	}
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	m.add(fmt.Sprintf("%q is not one of %s", string(got), strings.Join(words, ", ")), path...)
}
