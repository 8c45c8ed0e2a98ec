package credentials

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials/pullsecret"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// content is what a pull Secret is to hold.
type content struct {
	data    []byte
	expires map[registry.ID]time.Time
}

// compose puts the wanted logins together. The logins of an instance without
// a token are taken over from held, the logins that are there now, as long as
// they work: one instance's failure must not cost another's pulls.
func compose(want []Login, o Observed, held map[registry.Host]pullsecret.Login, now time.Time) (content, error) {
	c := content{expires: map[registry.ID]time.Time{}}
	var logins []pullsecret.Login
	for _, l := range want {
		switch expires := o.Expires[l.ID]; {
		case l.usable():
			logins = append(logins, pullsecret.Login{Hosts: l.Hosts, Username: l.Token.Username, Password: l.Token.Password.Reveal()})
			c.expires[l.ID] = l.Token.ExpiresAt
		case now.Before(expires):
			for _, h := range l.Hosts {
				if login, ok := held[h]; ok {
					logins = append(logins, login)
					c.expires[l.ID] = expires
				}
			}
		}
	}
	data, err := pullsecret.Encode(logins)
	c.data = data
	return c, err
}

// takesOver tells whether compose needs the logins that are there now.
func takesOver(want []Login, o Observed, now time.Time) bool {
	return o.Intact && slices.ContainsFunc(want, func(l Login) bool {
		return !l.usable() && now.Before(o.Expires[l.ID])
	})
}

// soonest is when the first of the logins expires.
func (c content) soonest() time.Time {
	var first time.Time
	for _, t := range c.expires {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	return first
}

// apply is the Secret as we own it. With o existing it carries its UID and
// resource version: with the latter alone, a Secret that was deleted in the
// meantime would come back.
func (c content) apply(namespace, name string, o Observed) (*corev1ac.SecretApplyConfiguration, error) {
	logins, err := json.Marshal(c.expires)
	if err != nil {
		return nil, fmt.Errorf("write annotation %s: %w", annotationLogins, err)
	}
	s := corev1ac.Secret(name, namespace).
		WithType(corev1.SecretTypeDockerConfigJson).
		WithLabels(map[string]string{
			labelManagedBy:                  managedBy,
			"velero.io/exclude-from-backup": "true", // an hour later a backup of it is void
		}).
		WithAnnotations(map[string]string{
			annotationExpires: c.soonest().UTC().Format(time.RFC3339),
			annotationLogins:  string(logins),
			annotationDigest:  pullsecret.Digest(c.data),
			// No repository holds this Secret, which is no reason to prune it.
			"argocd.argoproj.io/compare-options":    "IgnoreExtraneous",
			"argocd.argoproj.io/sync-options":       "Prune=false",
			"kustomize.toolkit.fluxcd.io/prune":     "disabled",
			"kustomize.toolkit.fluxcd.io/reconcile": "disabled",
		}).
		WithData(map[string][]byte{dataKey: c.data})
	if o.Exists {
		s.WithUID(o.UID).WithResourceVersion(o.ResourceVersion)
	}
	return s, nil
}
