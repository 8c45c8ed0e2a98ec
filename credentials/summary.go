package credentials

import (
	"strings"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials/mark"
	"github.com/tcr-webhook/tcr-webhook/credentials/pullsecret"
)

// summary is what Observe reads of a Secret's content. It is the same for all
// Secrets with the same logins, which is nearly all there are.
type summary struct {
	ours, marked  bool
	digest        string // of the data
	hosts         string // that the data has logins for, in order, with blanks between
	logins        string // annotationLogins
	expires, seal string // annotationExpires, annotationDigest
}

// summaryMark begins a summary. No name begins so.
const summaryMark = "summary\n"

// Summarize strips a Secret to what Observe reads, for the cache: the logins
// themselves are replaced by their digest and their hosts. What is left of the
// content is one string in a field that no Secret of ours uses, GenerateName,
// and all equal ones are one in memory: with a map for each of labels,
// annotations and data, 10,000 Secrets cost ten times as much.
func Summarize(obj any) (any, error) {
	s, ok := obj.(*corev1.Secret)
	if !ok {
		return obj, nil
	}
	if strings.HasPrefix(s.GenerateName, summaryMark) {
		return s, nil // resyncs hand in what they were given
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: interned(s.Name), UID: s.UID, ResourceVersion: s.ResourceVersion,
			GenerateName: interned(summarize(s).pack()),
		},
		Type: corev1.SecretType(interned(string(s.Type))), Immutable: s.Immutable,
	}, nil
}

func interned(s string) string { return unique.Make(s).Value() }

func summarize(s *corev1.Secret) summary {
	data := s.Data[dataKey]
	var hosts []string
	for _, h := range pullsecret.Hosts(data) {
		hosts = append(hosts, string(h))
	}
	return summary{
		ours:    mark.Ours(s),
		marked:  within(labelsOfOurs(), s.Labels) && within(annotationsOfOurs(), s.Annotations),
		digest:  pullsecret.Digest(data),
		hosts:   strings.Join(hosts, " "),
		logins:  s.Annotations[annotationLogins],
		expires: s.Annotations[annotationExpires],
		seal:    s.Annotations[annotationDigest],
	}
}

const separator = "\n"

func (s summary) pack() string {
	word := func(is bool) string {
		if is {
			return "yes"
		}
		return "no"
	}
	parts := []string{word(s.ours), word(s.marked), s.digest, s.hosts, s.logins, s.expires, s.seal}
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(p, separator, "?") // no part of ours has one, and its seal is broken anyway
	}
	return summaryMark + strings.Join(parts, separator)
}

// summaryOf reads what pack wrote. It is false for an object that was not
// summarized.
func summaryOf(s *corev1.Secret) (summary, bool) {
	packed, ok := strings.CutPrefix(s.GenerateName, summaryMark)
	parts := strings.Split(packed, separator)
	if !ok || len(parts) != 7 {
		return summary{}, false
	}
	return summary{
		ours: parts[0] == "yes", marked: parts[1] == "yes",
		digest: parts[2], hosts: parts[3], logins: parts[4], expires: parts[5], seal: parts[6],
	}, true
}
