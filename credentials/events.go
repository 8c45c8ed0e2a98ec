package credentials

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/tcr-webhook/tcr-webhook/credentials/delivery"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// Events is told what becomes of pull Secrets, for whoever looks at a
// namespace. It may be told the same again and again.
type Events interface {
	// About passes news of a namespace on, at once and without a promise.
	About(namespace string, n News)
}

// News is worth an Event. Its text holds no time, no count and no login, so
// that the same news has the same text.
type News struct {
	Reason  string
	Warning bool
	Text    string
}

// The reasons of News.
const (
	PullSecretCreated  = "PullSecretCreated"
	PullSecretRepaired = "PullSecretRepaired"
	PullSecretConflict = "PullSecretConflict"
	PullSecretRemoved  = "PullSecretRemoved"
	DeliverInvalid     = "DeliverInvalid"
	TokenRenewalFailed = "TokenRenewalFailed"
	TokenExpired       = "TokenExpired"
)

// tellOf returns what passes news of a namespace on, if there are any and
// somebody listens.
func (k *Keeper) tellOf(namespace string) func(n News, is bool) {
	return func(n News, is bool) {
		if is && k.Events != nil {
			k.Events.About(namespace, n)
		}
	}
}

// tellOfNew passes on that a Secret is there that was not a moment ago.
func (k *Keeper) tellOfNew(s *corev1.Secret) {
	k.tellOf(s.Namespace)(appeared(Observe(s, k.DigestKey()), k.SecretName, k.quarrels.has(s.Namespace)))
}

// seen is the news of what was seen of a namespace, apart from what is done
// about it.
func seen(v view, secret string) (News, bool) {
	return conflict(secret), v.plan.Action == LeaveForeign
}

// written is the news of an action that was tried, if it is any. Renewals and
// updates are what anybody expects; creations are told by who sees them, since
// two replicas may make the same Secret at once.
func written(a Action, secret string, err error) (News, bool) {
	switch {
	case a == Create && apierrors.IsConflict(err):
		return conflict(secret), true // made by another a moment before
	case err != nil:
		return News{}, false
	case a == Repair || a == Replace:
		return repaired(fmt.Sprintf("Secret %s was changed by another and is put right; tcr-webhook keeps it", secret)), true
	case a == Remove:
		return News{Reason: PullSecretRemoved, Text: fmt.Sprintf("Secret %s is removed: no registry is configured for this namespace any more", secret)}, true
	}
	return News{}, false
}

func repaired(text string) News { return News{Reason: PullSecretRepaired, Text: text} }

// appeared is the news of a Secret that is there from now on. Restored says
// that it was before.
func appeared(o Observed, secret string, restored bool) (News, bool) {
	if restored {
		return repaired(fmt.Sprintf("Secret %s was deleted and is made again, since pods rely on it", secret)), o.Ours
	}
	names := make([]string, 0, len(o.Held))
	for id := range o.Held {
		names = append(names, string(id))
	}
	slices.Sort(names)
	return News{Reason: PullSecretCreated, Text: fmt.Sprintf("Secret %s holds the logins of %s and is kept fresh", secret, strings.Join(names, ", "))}, o.Ours
}

func conflict(secret string) News {
	return News{
		Reason: PullSecretConflict, Warning: true,
		Text: fmt.Sprintf("Secret %s was not made by tcr-webhook and is left as it is; pods use it: rename it, or keep it up yourself", secret),
	}
}

// refused is the news of a wrong delivery.Annotation, if it is wrong. One that
// was there before the registration, or the configuration, nobody has denied.
func refused(d *registry.Directory, ns delivery.Namespace) (News, bool) {
	wrong, may := delivery.Refused(d, ns)
	if len(wrong) == 0 {
		return News{}, false
	}
	ids := make([]string, len(may))
	for i, id := range may {
		ids[i] = string(id)
	}
	right := "name " + strings.Join(ids, ", ") + " or nothing"
	if len(may) == 0 {
		right = "remove it"
	}
	return News{
		Reason: DeliverInvalid, Warning: true,
		Text: fmt.Sprintf("annotation %s names %q, which is not configured for this namespace: %s", delivery.Annotation, cut(strings.Join(wrong, ",")), right),
	}, true
}

// cut bounds what somebody wrote.
func cut(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// TokenNews is what a pod's namespace is to hear of a token that it needs, if
// anything: last is the newest there was, the zero value for none, and err what
// keeps us from another one. A replica that does not renew has no err, and goes
// by the age of the last one, which is renewed after six tenths of its life; so
// does one whose error may pass before anybody feels it.
func TokenNews(id registry.ID, last token.Token, err error, now time.Time) (News, bool) {
	reason := ""
	if err != nil {
		reason = " (" + why(err) + ")"
	}
	switch {
	case last.Username == "" && err == nil:
		return News{}, false // being asked for
	case last.Username == "":
		return News{Reason: TokenRenewalFailed, Warning: true, Text: fmt.Sprintf("no token for %s%s: its private images cannot be pulled yet", id, reason)}, true
	case last.ExpiresAt.IsZero():
		return News{}, false // it never does
	case !now.Before(last.ExpiresAt):
		return News{Reason: TokenExpired, Warning: true, Text: fmt.Sprintf("the token of %s has expired%s: its private images cannot be pulled until there is another", id, reason)}, true
	case lasting(err) || now.Sub(last.IssuedAt) > last.Lifetime()*3/4:
		return News{Reason: TokenRenewalFailed, Warning: true, Text: fmt.Sprintf("the token of %s could not be renewed%s: pulls work until %s", id, reason, last.ExpiresAt.UTC().Format(time.RFC3339))}, true
	}
	return News{}, false
}

// lasting tells whether an error does not go by itself.
func lasting(err error) bool {
	return slices.ContainsFunc([]error{token.ErrDenied, token.ErrNotFound, token.ErrBadRequest, token.ErrClockSkew}, func(class error) bool {
		return errors.Is(err, class)
	})
}
