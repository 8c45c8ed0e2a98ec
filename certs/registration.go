package certs

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The kinds of registrations.
const (
	Mutating   = "MutatingWebhookConfiguration"
	Validating = "ValidatingWebhookConfiguration"
)

// Registration is one of our webhook configurations as it was seen.
type Registration struct {
	Kind, Name, ResourceVersion string
	Entries                     []Entry
}

// Entry is one webhook of a Registration.
type Entry struct {
	Name string
	// Host is what the API server calls us by, and wants in our certificate.
	Host     string
	CABundle []byte
}

// FromMutating is the registration in c.
func FromMutating(c *admissionregistrationv1.MutatingWebhookConfiguration) Registration {
	r := newRegistration(Mutating, c.ObjectMeta)
	for i := range c.Webhooks {
		r.add(c.Webhooks[i].Name, &c.Webhooks[i].ClientConfig)
	}
	return r
}

// FromValidating is the registration in c.
func FromValidating(c *admissionregistrationv1.ValidatingWebhookConfiguration) Registration {
	r := newRegistration(Validating, c.ObjectMeta)
	for i := range c.Webhooks {
		r.add(c.Webhooks[i].Name, &c.Webhooks[i].ClientConfig)
	}
	return r
}

func newRegistration(kind string, meta metav1.ObjectMeta) Registration {
	return Registration{Kind: kind, Name: meta.Name, ResourceVersion: meta.ResourceVersion}
}

func (r *Registration) add(name string, c *admissionregistrationv1.WebhookClientConfig) {
	e := Entry{Name: name, CABundle: c.CABundle}
	switch {
	case c.Service != nil:
		e.Host = c.Service.Name + "." + c.Service.Namespace + ".svc"
	case c.URL != nil:
		if u, err := url.Parse(*c.URL); err == nil {
			e.Host = u.Hostname()
		}
	}
	r.Entries = append(r.Entries, e)
}

// String names the registration.
func (r Registration) String() string { return r.Kind + " " + r.Name }

// bundle is the CAs of an entry; none where its caBundle is of no use.
func (e Entry) bundle() []*x509.Certificate {
	certs, err := parseBundle(e.CABundle)
	if err != nil {
		return nil
	}
	return certs
}

// differs tells whether an entry trusts others than wanted.
func (e Entry) differs(wanted []*x509.Certificate) bool {
	got := e.bundle()
	return len(got) != len(wanted) || !containsAll(got, wanted)
}

// Differs tells whether an entry of r trusts others than wanted.
func (r Registration) Differs(wanted []*x509.Certificate) bool {
	for _, e := range r.Entries {
		if e.differs(wanted) {
			return true
		}
	}
	return false
}

// holds tells whether every entry of every registration trusts all of wanted.
func holds(registrations []Registration, wanted []*x509.Certificate) bool {
	for _, r := range registrations {
		for _, e := range r.Entries {
			if !containsAll(e.bundle(), wanted) {
				return false
			}
		}
	}
	return true
}

// trusted lists what the registrations trust by now.
func trusted(registrations []Registration) []*x509.Certificate {
	var all []*x509.Certificate
	for _, r := range registrations {
		for _, e := range r.Entries {
			all = append(all, e.bundle()...)
		}
	}
	return distinct(all)
}

// operation is one of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// Patch is the JSON patch that gives every entry of r the CAs in wanted, and
// nothing else. It applies to the version of r that was seen and to no other:
// who decided on an older one must not undo what has been done since. It is nil
// where nothing differs.
func (r Registration) Patch(wanted []*x509.Certificate) ([]byte, error) {
	operations := []operation{{"test", "/metadata/resourceVersion", r.ResourceVersion}}
	for i, e := range r.Entries {
		if !e.differs(wanted) {
			continue
		}
		operations = append(operations,
			operation{"test", fmt.Sprintf("/webhooks/%d/name", i), e.Name},
			operation{"add", fmt.Sprintf("/webhooks/%d/clientConfig/caBundle", i), encodeBundle(wanted)},
		)
	}
	if len(operations) == 1 {
		return nil, nil
	}
	patch, err := json.Marshal(operations)
	if err != nil {
		return nil, fmt.Errorf("encode patch of %s: %w", r, err)
	}
	return patch, nil
}
