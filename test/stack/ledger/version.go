package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	dockerconfig "github.com/docker/cli/cli/config"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Op is what became of a Secret.
type Op string

// The ops. A Secret that was there before the ledger was opened is Found.
const (
	Found   Op = "found"
	Created Op = "created"
	Changed Op = "changed"
	Deleted Op = "deleted"
)

// Version is a Secret as one write left it.
type Version struct {
	Op   Op
	Seen time.Time // by the registry's clock
	// Expires is when the first of its logins ends by what the login itself
	// says; zero where none says so.
	Expires time.Time
	// Noted is when it ends by the Secret's annotation; zero without one.
	Noted time.Time
	Hosts []string // sorted
	// Ends is when each host's login ends by what the login itself says; hosts
	// whose login does not say are left out.
	Ends    map[string]time.Time
	Digest  [sha256.Size]byte
	Type    corev1.SecretType
	Manager string // of the fields that were written last
	// Wrote is when that was, by the API server, to the second.
	Wrote time.Time

	UID             types.UID
	ResourceVersion string
}

const annotationExpires = "tcr-webhook.io/expires-at"

// read is a Secret as a Version. What cannot be read has no logins.
func read(op Op, s *corev1.Secret, now time.Time) Version {
	data := s.Data[corev1.DockerConfigJsonKey]
	v := Version{
		Op: op, Seen: now, Ends: map[string]time.Time{}, Digest: sha256.Sum256(data), Type: s.Type, UID: s.UID, ResourceVersion: s.ResourceVersion,
	}
	v.Manager, v.Wrote = lastManager(s.ManagedFields)
	if noted, err := time.Parse(time.RFC3339, s.Annotations[annotationExpires]); err == nil {
		v.Noted = noted
	}
	config, err := dockerconfig.LoadFromReader(bytes.NewReader(data))
	if err != nil {
		return v
	}
	for host, login := range config.AuthConfigs {
		v.Hosts = append(v.Hosts, host)
		ends, ok := expiry(login.Password)
		if !ok {
			continue
		}
		v.Ends[host] = ends
		if v.Expires.IsZero() || ends.Before(v.Expires) {
			v.Expires = ends
		}
	}
	slices.Sort(v.Hosts)
	return v
}

// expiry reads when a JWT ends, without asking whether it is genuine.
func expiry(password string) (time.Time, bool) {
	parts := strings.Split(password, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Expires int64 `json:"exp"`
	}
	if json.Unmarshal(raw, &claims) != nil || claims.Expires == 0 {
		return time.Time{}, false
	}
	return time.Unix(claims.Expires, 0), true
}

func lastManager(fields []metav1.ManagedFieldsEntry) (name string, last time.Time) {
	for _, f := range fields {
		if f.Time != nil && !f.Time.Time.Before(last) {
			name, last = f.Manager, f.Time.Time
		}
	}
	return name, last
}
