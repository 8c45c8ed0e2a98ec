package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/registration"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// The types of conditions; all are True when all is well.
const (
	Ready              = "Ready"              // all others
	ConfigAccepted     = "ConfigAccepted"     // the configuration file is in force
	HostsKnown         = "HostsKnown"         // what every instance is called
	TokenValid         = "TokenValid"         // every instance has a token that works
	RouteResolved      = "RouteResolved"      // every instance of route: Auto has a private route
	SecretsDelivered   = "SecretsDelivered"   // in every namespace that needs one
	CertificateValid   = "CertificateValid"   // of the webhook
	RegistrationsMatch = "RegistrationsMatch" // the API server asks us about all we serve
	ClockInSync        = "ClockInSync"        // with the cloud API's
)

// ConditionTypes lists the types in the order of a document.
func ConditionTypes() []string {
	return []string{Ready, ConfigAccepted, HostsKnown, TokenValid, RouteResolved, SecretsDelivered, CertificateValid, RegistrationsMatch, ClockInSync}
}

// The reasons of conditions. Each is that of the Event as well which tells of a
// change to it.
const (
	NotObserved = "NotObserved" // yet, of any condition

	AllWell = "AllWell" // of Ready, which otherwise has another's reason

	ConfigApplied  = "ConfigApplied"
	ConfigRejected = "ConfigRejected"

	HostsFound   = "HostsFound"
	HostsUnknown = "HostsUnknown"

	TokenIssued        = "TokenIssued"
	TokenRenewalFailed = "TokenRenewalFailed" // the last one still works
	TokenMissing       = "TokenMissing"       // there never was one
	TokenExpired       = "TokenExpired"

	// RouteFound is that of RouteResolved when all is well, RouteChanged that of
	// an Event alone. When it is not, the reason is package registry's.
	RouteFound   = "RouteFound"
	RouteChanged = "RouteChanged"

	AddonConflict = "AddonConflict" // of an Event alone

	PullSecretsDelivered = "PullSecretsDelivered"
	PullSecretsStale     = "PullSecretsStale"

	CertificateServed      = "CertificateServed"
	CertificateExpiresSoon = "CertificateExpiresSoon"
	CertificateExpired     = "CertificateExpired"
	// CertificateMissing: there never was one. CertificateNotTrusted: the API
	// server refuses it. CertificateRenewalFailed: it works, and what keeps it so
	// does not.
	CertificateMissing       = "CertificateMissing"
	CertificateNotTrusted    = "CertificateNotTrusted"
	CertificateRenewalFailed = "CertificateRenewalFailed"
	// CertificateRotated and WebhookConfigRepaired are those of Events alone.
	CertificateRotated    = "CertificateRotated"
	WebhookConfigRepaired = "WebhookConfigRepaired"

	RegistrationsComplete    = "RegistrationsComplete"
	RegistrationsNotReadable = "RegistrationsNotReadable"
	RegistrationMissing      = "RegistrationMissing"
	RegistrationIncomplete   = "RegistrationIncomplete"
	RegistrationLeftover     = "RegistrationLeftover"
	HostNotRegistered        = "HostNotRegistered"

	ClocksAgree       = "ClocksAgree"
	ClockSkewDetected = "ClockSkewDetected"
)

// conditions judges facts. Times of transition are kept from before where the
// status of a condition is what it was.
func conditions(f *Facts, before []metav1.Condition, now time.Time) []metav1.Condition {
	judged := []metav1.Condition{
		f.configAccepted(), f.hostsKnown(), f.tokenValid(now), f.routeResolved(), f.secretsDelivered(),
		f.certificateValid(now), f.registrationsMatch(), f.clockInSync(),
	}
	all := append([]metav1.Condition{ready(judged)}, judged...)
	known := slices.Clone(before)
	for i := range all {
		c := &all[i]
		c.Message = shortened(c.Message)
		c.LastTransitionTime = inSeconds(now)
		meta.SetStatusCondition(&known, *c)
		*c = *meta.FindStatusCondition(known, c.Type)
	}
	return all
}

func condition(kind string, s metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: s, Reason: reason, Message: message}
}

func notObserved(kind string) metav1.Condition {
	return condition(kind, metav1.ConditionUnknown, NotObserved, "not looked at yet")
}

// ready sums the others up: what is wrong with the first that is not well.
func ready(others []metav1.Condition) metav1.Condition {
	for _, bad := range others {
		if bad.Status == metav1.ConditionFalse {
			return condition(Ready, metav1.ConditionFalse, bad.Reason, bad.Message)
		}
	}
	for _, c := range others {
		if c.Reason == NotObserved {
			return condition(Ready, metav1.ConditionUnknown, NotObserved, c.Type+" is not known yet")
		}
	}
	return condition(Ready, metav1.ConditionTrue, AllWell, "pods with images of every instance are served")
}

func (f *Facts) configAccepted() metav1.Condition {
	if f.Config.Error != "" {
		return condition(ConfigAccepted, metav1.ConditionFalse, ConfigRejected, "the last good configuration stays in force: "+f.Config.Error)
	}
	return condition(ConfigAccepted, metav1.ConditionTrue, ConfigApplied, "the configuration file is in force")
}

func (f *Facts) hostsKnown() metav1.Condition {
	if f.Instances == nil {
		return notObserved(HostsKnown)
	}
	for _, i := range f.Instances {
		if len(i.Hosts) == 0 {
			return condition(HostsKnown, metav1.ConditionFalse, HostsUnknown,
				fmt.Sprintf("images of %s stay as written, since its hosts are not known%s", i.ID, because(i.LastError)))
		}
	}
	return condition(HostsKnown, metav1.ConditionTrue, HostsFound, "the hosts of every instance are known")
}

// tokenValid is as bad as the worst instance. A token that could not be renewed
// is one that works, until it does not.
func (f *Facts) tokenValid(now time.Time) metav1.Condition {
	if f.Instances == nil {
		return notObserved(TokenValid)
	}
	worst := condition(TokenValid, metav1.ConditionTrue, TokenIssued, "every instance has a token that works")
	rank := 0
	for _, i := range f.Instances {
		if c, r := i.tokenValid(now); r > rank {
			worst, rank = c, r
		}
	}
	return worst
}

func (i *Instance) tokenValid(now time.Time) (c metav1.Condition, rank int) {
	why := because(i.LastError)
	switch {
	case i.Token == nil && i.LastError == nil:
		return condition(TokenValid, metav1.ConditionUnknown, NotObserved, "the first token of "+i.ID+" is being asked for"), 2
	case i.Token == nil:
		return condition(TokenValid, metav1.ConditionFalse, TokenMissing, fmt.Sprintf("no token for %s%s; its private images cannot be pulled", i.ID, why)), 3
	case i.Token.ExpiresAt.IsZero() && i.LastError != nil:
		return condition(TokenValid, metav1.ConditionTrue, TokenRenewalFailed, fmt.Sprintf("the login of %s is used as it was last read%s", i.ID, why)), 1
	case i.Token.ExpiresAt.IsZero():
	case !now.Before(i.Token.ExpiresAt.Time):
		return condition(TokenValid, metav1.ConditionFalse, TokenExpired, fmt.Sprintf("the token of %s has expired%s; its private images cannot be pulled", i.ID, why)), 4
	case i.LastError != nil:
		return condition(TokenValid, metav1.ConditionTrue, TokenRenewalFailed,
			fmt.Sprintf("the token of %s could not be renewed%s; pulls work until %s", i.ID, why, i.Token.ExpiresAt.UTC().Format(time.RFC3339))), 1
	}
	return metav1.Condition{}, 0
}

// routeResolved is that of the first instance without a private route.
func (f *Facts) routeResolved() metav1.Condition {
	if f.Instances == nil {
		return notObserved(RouteResolved)
	}
	found := condition(RouteResolved, metav1.ConditionTrue, RouteFound, "every instance has the route that is configured or was looked for")
	for _, i := range f.Instances {
		switch {
		case i.RouteReason == "":
		case i.RouteReason == NotObserved || i.RouteReason == string(registry.RouteNotKnown):
			found = condition(RouteResolved, metav1.ConditionUnknown, i.RouteReason, i.RouteMessage)
		default:
			return condition(RouteResolved, metav1.ConditionFalse, i.RouteReason, i.RouteMessage)
		}
	}
	return found
}

// because puts a problem behind a sentence.
func because(p *Problem) string {
	if p == nil {
		return ""
	}
	return ": " + p.Message
}

// well tells states of pull Secrets that nothing is to be done about. A foreign
// Secret is what its namespace wants, and one too many works.
func well(state string) bool {
	return slices.Contains([]string{"current", "foreign", "leftover"}, state)
}

// Passing tells states that every Secret goes through for a moment: when it is
// wanted, when the configuration has changed, and when somebody has changed it.
func Passing(state string) bool {
	return slices.Contains([]string{"missing", "outdated", "drifted"}, state)
}

// settleSecrets is how long a moment is.
const settleSecrets = time.Minute

func (f *Facts) secretsDelivered() metav1.Condition {
	if f.Secrets == nil {
		return notObserved(SecretsDelivered)
	}
	var parts []string
	stale := false
	for _, state := range slices.Sorted(maps.Keys(f.Secrets)) {
		if n := f.Secrets[state]; n > 0 {
			stale = stale || !well(state) && (!Passing(state) || f.Unsettled >= settleSecrets)
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	list := strings.Join(parts, ", ")
	switch {
	case stale:
		return condition(SecretsDelivered, metav1.ConditionFalse, PullSecretsStale, "pull secrets: "+list)
	case list == "":
		list = "none is needed yet"
	}
	return condition(SecretsDelivered, metav1.ConditionTrue, PullSecretsDelivered, "pull secrets: "+list)
}

func (f *Facts) certificateValid(now time.Time) metav1.Condition {
	c, fault := f.Certificate, f.CertificateFault
	switch {
	case c == nil && fault == "":
		return notObserved(CertificateValid)
	case c == nil:
		return condition(CertificateValid, metav1.ConditionFalse, CertificateMissing, "the webhook has no certificate: "+fault)
	}
	until := c.NotAfter.UTC().Format(time.RFC3339)
	switch left := c.NotAfter.Sub(now); {
	case left <= 0:
		return condition(CertificateValid, metav1.ConditionFalse, CertificateExpired, "the webhook's certificate expired at "+until+": "+cmp.Or(fault, "renew it"))
	case f.CertificateRefused != "":
		return condition(CertificateValid, metav1.ConditionFalse, CertificateNotTrusted, strings.TrimSuffix(f.CertificateRefused+"; "+fault, "; "))
	case fault != "":
		return condition(CertificateValid, metav1.ConditionTrue, CertificateRenewalFailed, "the webhook's certificate holds until "+until+", and may not be renewed: "+fault)
	case left < c.NotAfter.Sub(c.NotBefore)/soon:
		return condition(CertificateValid, metav1.ConditionTrue, CertificateExpiresSoon, "the webhook's certificate expires at "+until+" and should have been renewed")
	}
	return condition(CertificateValid, metav1.ConditionTrue, CertificateServed, "the webhook's certificate holds until "+until)
}

// soon is the part of a certificate's life in which it should have been
// renewed: the last quarter. cert-manager renews at two thirds.
const soon = 4

func (f *Facts) registrationsMatch() metav1.Condition {
	if f.Registrations == nil {
		return notObserved(RegistrationsMatch)
	}
	gaps := *f.Registrations
	for _, g := range gaps {
		if reason := reasonOf(g.Kind); reason != RegistrationsNotReadable {
			return condition(RegistrationsMatch, metav1.ConditionFalse, reason, first(g, len(gaps)))
		}
	}
	if len(gaps) > 0 {
		return condition(RegistrationsMatch, metav1.ConditionUnknown, RegistrationsNotReadable, first(gaps[0], len(gaps)))
	}
	return condition(RegistrationsMatch, metav1.ConditionTrue, RegistrationsComplete, "the API server asks about every host that is served")
}

func first(g registration.Gap, of int) string {
	if of == 1 {
		return g.String()
	}
	return fmt.Sprintf("%s (and %d more)", g, of-1)
}

func reasonOf(k registration.Kind) string {
	switch k {
	case registration.Missing:
		return RegistrationMissing
	case registration.HostNotNamed:
		return HostNotRegistered
	case registration.Leftover:
		return RegistrationLeftover
	case registration.NotUnderstood:
		return RegistrationsNotReadable
	default:
		return RegistrationIncomplete
	}
}

// maxSkew is half of what tokens are stopped to be used before they expire,
// and a fifth of what the cloud API takes.
const maxSkew = time.Minute

func (f *Facts) clockInSync() metav1.Condition {
	for _, i := range f.Instances {
		if i.LastError != nil && i.LastError.Reason == ProblemClockSkew {
			return condition(ClockInSync, metav1.ConditionFalse, ClockSkewDetected, i.LastError.Message)
		}
	}
	switch {
	case f.ClockAhead == nil:
		return notObserved(ClockInSync)
	case f.ClockAhead.Abs() > maxSkew:
		return condition(ClockInSync, metav1.ConditionFalse, ClockSkewDetected,
			"this replica's clock and the cloud API's differ by more than "+maxSkew.String()+": set it, for example by NTP")
	}
	return condition(ClockInSync, metav1.ConditionTrue, ClocksAgree, "the clocks differ by less than "+maxSkew.String())
}
