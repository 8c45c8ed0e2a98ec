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
	data []byte
	held map[registry.ID]Held
}

// compose puts the wanted logins together. A login for which there is nothing
// better is taken over from the logins that are there now, as long as it works:
// one instance's failure must not cost another's pulls, and what a namespace
// has never expires earlier by our doing.
func compose(want []Login, o Observed, there map[registry.Host]pullsecret.Login, now time.Time) (content, error) {
	c := content{held: map[registry.ID]Held{}}
	var logins []pullsecret.Login
	for _, l := range want {
		if old, found := oldLogin(l, there); found && l.keepsOld(o, now) {
			old.Hosts = l.Hosts
			logins = append(logins, old)
			c.held[l.ID] = o.Held[l.ID]
		} else if l.usable() {
			logins = append(logins, pullsecret.Login{Hosts: l.Hosts, Username: l.Token.Username, Password: l.Token.Password.Reveal()})
			c.held[l.ID] = l.held()
		}
	}
	data, err := pullsecret.Encode(logins)
	c.data = data
	return c, err
}

// oldLogin is what there is now for one of the hosts of l.
func oldLogin(l Login, there map[registry.Host]pullsecret.Login) (pullsecret.Login, bool) {
	for _, h := range l.Hosts {
		if login, ok := there[h]; ok {
			return login, true
		}
	}
	return pullsecret.Login{}, false
}

// keepsOld tells whether the login that is held of the instance is better than
// what there is to write: it works, and there is nothing, or nothing that
// expires later.
func (l Login) keepsOld(o Observed, now time.Time) bool {
	held, has := o.Held[l.ID]
	if !has || !o.Sealed || !held.works(now) {
		return false
	}
	return !l.usable() || l.expires() && held.Account == l.Account && held.Expires.After(l.Token.ExpiresAt)
}

// takesOver tells whether compose needs the logins that are there now.
func takesOver(want []Login, o Observed, now time.Time) bool {
	return slices.ContainsFunc(want, func(l Login) bool { return l.keepsOld(o, now) })
}

// noVersion is a resource version that no object will ever have, the greatest
// that there can be. An apply that carries it creates, and is a conflict where
// another replica has created a moment before: its login may be the newer one,
// and with the same field manager nothing else keeps them apart.
const noVersion = "9223372036854775807"

// apply is the Secret as we own it. With o existing it carries its UID and
// resource version: with the latter alone, a Secret that was deleted in the
// meantime would come back. Otherwise it is for creation alone.
func (c content) apply(namespace, name string, o Observed, digestKey []byte) (*corev1ac.SecretApplyConfiguration, error) {
	logins, err := json.Marshal(c.held)
	if err != nil {
		return nil, fmt.Errorf("write annotation %s: %w", annotationLogins, err)
	}
	expires := ""
	annotations := annotationsOfOurs()
	annotations[annotationLogins] = string(logins)
	if first := firstExpiry(c.held); !first.IsZero() {
		expires = first.UTC().Format(time.RFC3339)
		annotations[annotationExpires] = expires
	}
	annotations[annotationDigest] = seal(digestKey, pullsecret.Digest(c.data), string(logins), expires)
	s := corev1ac.Secret(name, namespace).
		WithType(corev1.SecretTypeDockerConfigJson).
		WithLabels(labelsOfOurs()).
		WithAnnotations(annotations).
		WithData(map[string][]byte{dataKey: c.data})
	if o.Exists {
		return s.WithUID(o.UID).WithResourceVersion(o.ResourceVersion), nil
	}
	return s.WithResourceVersion(noVersion), nil
}
