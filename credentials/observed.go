package credentials

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tcr-webhook/tcr-webhook/credentials/pullsecret"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// FieldManager owns our fields in server-side apply.
const FieldManager = "tcr-webhook"

// Labels and annotations of a pull Secret.
const (
	labelManagedBy = "app.kubernetes.io/managed-by"
	managedBy      = "tcr-webhook"

	annotationExpires = "tcr-webhook.io/expires-at"      // when the first of the logins expires
	annotationLogins  = "tcr-webhook.io/logins"          // JSON: instance id to the expiry of its login
	annotationDigest  = "tcr-webhook.io/content-digest"  // of the data as we wrote it
	dataKey           = corev1.DockerConfigJsonKey       // where the logins are
	summaryDigest     = "tcr-webhook.io/observed-digest" // keys of a summary's data, see Summarize
	summaryHosts      = "tcr-webhook.io/observed-hosts"
)

// Observed is what there is to know about a namespace's pull Secret. It holds
// no login.
type Observed struct {
	Exists bool
	// Ours tells a Secret that we made from one that only has its name.
	Ours bool
	// Intact means that type, label and data are as we wrote them.
	Intact bool
	// Fixed means that the Secret cannot be changed in place: it is immutable
	// or of another type.
	Fixed   bool
	Hosts   []registry.Host // sorted
	Expires map[registry.ID]time.Time

	UID             types.UID
	ResourceVersion string
}

// Summarize strips a Secret to what Observe reads, for the cache: the logins
// themselves are replaced by their digest and their hosts.
func Summarize(obj any) (any, error) {
	s, ok := obj.(*corev1.Secret)
	if !ok {
		return obj, nil
	}
	if _, done := s.Data[summaryDigest]; done {
		return s, nil // resyncs hand in what they were given
	}
	data := s.Data[dataKey]
	hosts := make([]string, 0, 4)
	for _, h := range pullsecret.Hosts(data) {
		hosts = append(hosts, string(h))
	}
	s.Data = map[string][]byte{
		summaryDigest: []byte(pullsecret.Digest(data)),
		summaryHosts:  []byte(strings.Join(hosts, " ")),
	}
	for i := range s.ManagedFields {
		s.ManagedFields[i].FieldsV1 = nil
	}
	return s, nil
}

// Observe reads a summarized Secret; nil means there is none.
func Observe(s *corev1.Secret) Observed {
	if s == nil {
		return Observed{}
	}
	o := Observed{
		Exists: true,
		Ours:   s.Labels[labelManagedBy] == managedBy || slices.ContainsFunc(s.ManagedFields, appliedByUs),
		Fixed:  s.Immutable != nil && *s.Immutable || s.Type != corev1.SecretTypeDockerConfigJson,
		UID:    s.UID, ResourceVersion: s.ResourceVersion,
	}
	o.Intact = !o.Fixed && s.Labels[labelManagedBy] == managedBy &&
		string(s.Data[summaryDigest]) == s.Annotations[annotationDigest]
	for h := range strings.FieldsSeq(string(s.Data[summaryHosts])) {
		o.Hosts = append(o.Hosts, registry.Host(h))
	}
	if json.Unmarshal([]byte(s.Annotations[annotationLogins]), &o.Expires) != nil {
		o.Expires, o.Intact = nil, false
	}
	return o
}

func appliedByUs(f metav1.ManagedFieldsEntry) bool {
	return f.Manager == FieldManager && f.Operation == metav1.ManagedFieldsOperationApply
}
