package config

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// fixed tells the entry of a fixed login from that of an instance.
func (r *Registry) fixed() bool {
	return r.Instance == "" && (r.Name != "" || r.CredentialSecret != "")
}

func (c *Config) validateRegistry(m *mistakes, i int) {
	r := &c.Registries[i]
	if r.fixed() {
		r.validateFixed(m, i, c.PullSecret.Name)
	} else {
		r.validateInstance(m, i)
	}
	if _, err := r.namespaces(); err != nil {
		key := "namespaces"
		if _, globs := registry.SelectNamespaces(r.Namespaces, nil); globs == nil {
			key = "namespaceSelector"
		}
		m.add(err.Error(), "registries", i, key)
	}
	oneOf(m, r.Delivery, []Delivery{DeliverOnDemand, DeliverEveryNamespace}, "registries", i, "delivery")
}

func (r *Registry) validateInstance(m *mistakes, i int) {
	if _, err := registry.ParseID(r.Instance); err != nil {
		m.add(err.Error(), "registries", i, "instance")
	}
	const forFixed = "is for fixed logins, and excludes instance"
	m.excluded(r.Name != "", forFixed, "registries", i, "name")
	m.excluded(r.CredentialSecret != "", forFixed, "registries", i, "credentialSecret")
	if r.Hosts != nil {
		r.Hosts.validate(m, i)
	}
	oneOf(m, r.Route, []RouteMode{RouteAuto, RoutePrivate, RoutePublic}, "registries", i, "route")
	if r.Route == RoutePrivate && r.Hosts != nil && r.Hosts.Private == "" {
		m.add("route: Private needs hosts.private, such as demo-vpc"+registry.Suffix, "registries", i, "hosts")
	}
	r.validateIdentity(m, i)
}

// folderPattern is the name of one folder, never a way out of it, nor one of
// those that the kubelet makes.
var folderPattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func (r *Registry) validateIdentity(m *mistakes, i int) {
	if r.Identity != "" {
		oneOf(m, r.Identity, identities(), "registries", i, "identity")
	}
	if r.AssumeRole != nil {
		checkRole(m, *r.AssumeRole, "registries", i, "assumeRole")
	}
	switch {
	case r.Credentials == "":
	case !folderPattern.MatchString(r.Credentials):
		m.add(fmt.Sprintf("%q is not the name of a folder: want lower-case letters, digits and dashes", r.Credentials), "registries", i, "credentials")
	case r.Identity != "" && r.Identity != IdentitySecretKey:
		m.add(fmt.Sprintf("is where a SecretKey is, and excludes identity: %s", r.Identity), "registries", i, "credentials")
	}
}

// validateFixed checks the entry of a fixed login. Its Secret is never the one
// that we write.
func (r *Registry) validateFixed(m *mistakes, i int, pullSecret string) {
	_, notInstance := registry.ParseID(r.Name)
	switch {
	case r.Name == "":
		m.add("a fixed login needs a name, such as personal", "registries", i, "name")
	case len(validation.IsDNS1123Label(r.Name)) > 0:
		m.add(fmt.Sprintf("%q is not a name: want lower-case letters, digits and dashes, such as personal", r.Name), "registries", i, "name")
	case notInstance == nil:
		m.add(fmt.Sprintf("%q has the form of an instance id, which it would be taken for; choose another, or write instance", r.Name), "registries", i, "name")
	}
	switch {
	case r.CredentialSecret == "":
		m.add("a fixed login needs credentialSecret, the name of a Secret in our own namespace", "registries", i, "credentialSecret")
	case len(validation.IsDNS1123Subdomain(r.CredentialSecret)) > 0:
		m.add(fmt.Sprintf("%q is not the name of a Secret", r.CredentialSecret), "registries", i, "credentialSecret")
	case r.CredentialSecret == pullSecret:
		m.add(fmt.Sprintf("%q is the name of the pull Secrets, and our own namespace gets none; choose another", pullSecret), "registries", i, "credentialSecret")
	}
	r.Hosts.validateList(m, i)
	const forInstances = "is for instances; a fixed login has none"
	m.excluded(r.Identity != "", forInstances, "registries", i, "identity")
	m.excluded(r.AssumeRole != nil, forInstances, "registries", i, "assumeRole")
	m.excluded(r.Credentials != "", forInstances, "registries", i, "credentials")
	m.excluded(r.Route != "", forInstances, "registries", i, "route")
}
