package credentials

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tcr-webhook/tcr-webhook/credentials/mark"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// FieldManager owns our fields in server-side apply.
const FieldManager = mark.FieldManager

// The annotations of a pull Secret.
const (
	annotationExpires = "tcr-webhook.io/expires-at"     // when the first of the logins expires; absent if none does
	annotationLogins  = "tcr-webhook.io/logins"         // JSON: instance id to what is held of it
	annotationDigest  = "tcr-webhook.io/content-digest" // see seal
	dataKey           = corev1.DockerConfigJsonKey      // where the logins are
)

// labelsOfOurs and annotationsOfOurs are what every pull Secret carries.
func labelsOfOurs() map[string]string {
	return map[string]string{
		mark.ManagedByLabel:             mark.ManagedBy,
		"velero.io/exclude-from-backup": "true", // an hour later a backup of it is void
	}
}

// No repository holds the Secret, which is no reason to prune it.
func annotationsOfOurs() map[string]string {
	return map[string]string{
		"argocd.argoproj.io/compare-options":    "IgnoreExtraneous",
		"argocd.argoproj.io/sync-options":       "Prune=false",
		"kustomize.toolkit.fluxcd.io/prune":     "disabled",
		"kustomize.toolkit.fluxcd.io/reconcile": "disabled",
	}
}

// Held is a login that a Secret holds, without the login.
type Held struct {
	Account registry.Account `json:"account,omitempty"`
	// Expires is zero for a login that never does.
	Expires time.Time `json:"expires,omitzero"`
	// Version tells one content of a login that never expires from the next.
	Version string `json:"version,omitempty"`
}

func (h Held) works(now time.Time) bool { return h.Expires.IsZero() || now.Before(h.Expires) }

// Observed is what there is to know about a namespace's pull Secret. It holds
// no login.
type Observed struct {
	Exists bool
	// Ours tells a Secret that we made from one that only has its name.
	Ours bool
	// Intact means that type, labels, annotations and data are as we wrote them.
	Intact bool
	// Sealed means that the logins, and what is said of them, are as we wrote
	// them, whatever has become of the rest.
	Sealed bool
	// Fixed means that the Secret cannot be changed in place: it is immutable
	// or of another type.
	Fixed bool
	Hosts []registry.Host // sorted
	Held  map[registry.ID]Held

	UID             types.UID
	ResourceVersion string
}

// within tells whether all of part is in whole.
func within(part, whole map[string]string) bool {
	for k, v := range part {
		if whole[k] != v {
			return false
		}
	}
	return true
}

// Observe reads a summarized Secret; nil means there is none. digestKey is what
// the Secret was sealed with.
func Observe(s *corev1.Secret, digestKey []byte) Observed {
	if s == nil {
		return Observed{}
	}
	sum, ok := summaryOf(s)
	if !ok {
		return Observed{Exists: true, UID: s.UID, ResourceVersion: s.ResourceVersion}
	}
	return sum.read(digestKey).of(s)
}

// reading is what a summary says.
type reading struct {
	ours, marked, sealed bool
	hosts                []registry.Host
	held                 map[registry.ID]Held
}

func (s summary) read(digestKey []byte) reading {
	r := reading{
		ours:   s.ours,
		marked: s.marked,
		sealed: hmac.Equal([]byte(seal(digestKey, s.digest, s.logins, s.expires)), []byte(s.seal)),
	}
	for h := range strings.FieldsSeq(s.hosts) {
		r.hosts = append(r.hosts, registry.Host(h))
	}
	if json.Unmarshal([]byte(s.logins), &r.held) != nil {
		r.held, r.sealed = nil, false
	}
	return r
}

// of is the reading of what Secret s holds.
func (r reading) of(s *corev1.Secret) Observed {
	fixed := s.Immutable != nil && *s.Immutable || s.Type != corev1.SecretTypeDockerConfigJson
	return Observed{
		Exists: true, Ours: r.ours, Fixed: fixed, Intact: r.marked && r.sealed && !fixed, Sealed: r.sealed, Hosts: r.hosts, Held: r.held,
		UID: s.UID, ResourceVersion: s.ResourceVersion,
	}
}

// observer observes Secrets, and remembers what the last summaries said: nearly
// all Secrets have the same. What it returns is shared and must not be changed.
// The zero value is ready.
type observer struct {
	mu   sync.Mutex // guards what is below
	key  []byte     // the digest key that seen was read with
	seen map[string]reading
}

// readings is how many are remembered: two of each content in a renewal, and
// some contents.
const readings = 64

func (o *observer) observe(s *corev1.Secret, digestKey []byte) Observed {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !bytes.Equal(o.key, digestKey) {
		o.key, o.seen = digestKey, nil
	}
	r, known := o.seen[s.GenerateName]
	if !known {
		sum, ok := summaryOf(s)
		if !ok {
			return Observe(s, digestKey)
		}
		r = sum.read(digestKey)
		if o.seen == nil || len(o.seen) >= readings {
			o.seen = make(map[string]reading, readings)
		}
		o.seen[s.GenerateName] = r
	}
	return r.of(s)
}

// lastExpiry is when the last of the logins stops working; zero if one never
// does, or none is known.
func (o Observed) lastExpiry() time.Time {
	var last time.Time
	for _, h := range o.Held {
		if h.Expires.IsZero() {
			return time.Time{}
		}
		if h.Expires.After(last) {
			last = h.Expires
		}
	}
	return last
}

// firstExpiry is when the first of the logins stops working; zero if none does.
func firstExpiry(held map[registry.ID]Held) time.Time {
	var first time.Time
	for _, h := range held {
		if !h.Expires.IsZero() && (first.IsZero() || h.Expires.Before(first)) {
			first = h.Expires
		}
	}
	return first
}
