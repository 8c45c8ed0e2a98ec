package registration

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Name is the name of the two registrations that are always there. It sorts
// last, so that we see pods as other webhooks leave them.
const Name = "zz-tcr-webhook"

// AlwaysName is that of the registration for the pods without an image of ours,
// where they are to get the pull secret as well.
const AlwaysName = "zz-tcr-webhook-always"

// Live is the registrations as the API server has them; nil where there is
// none.
type Live struct {
	Mutating   *admissionregistrationv1.MutatingWebhookConfiguration
	Validating *admissionregistrationv1.ValidatingWebhookConfiguration
	// Policy is that of the allow-list.
	Policy *admissionregistrationv1.ValidatingWebhookConfiguration
	// PolicyUnread: nobody knows whether there is such a one.
	PolicyUnread bool
}

// Kind is what is wrong with a registration. The values are those of a metric's
// label; Kinds lists them all.
type Kind string

const (
	// Missing: there is no such registration, so nobody calls us.
	Missing Kind = "Missing"
	// EntryMissing: the registration lacks one of our webhooks, or its rules.
	EntryMissing Kind = "EntryMissing"
	// CABundleMissing: the API server cannot trust our certificate.
	CABundleMissing Kind = "CABundleMissing"
	// FailurePolicyBlocks: an entry that must never block has failurePolicy Fail.
	FailurePolicyBlocks Kind = "FailurePolicyBlocks"
	// FailurePolicyAdmits: a rule enforces, and without us pods are admitted that
	// nobody has judged.
	FailurePolicyAdmits Kind = "FailurePolicyAdmits"
	// Leftover: the allow-list is registered, and there is none.
	Leftover Kind = "Leftover"
	// HostNotNamed: pods with images of a host of ours are kept from us.
	HostNotNamed Kind = "HostNotNamed"
	// NotUnderstood: a condition does not let us read whether hosts are named, or
	// the API server does not let us read the allow-list's registration.
	NotUnderstood Kind = "NotUnderstood"
)

// Kinds lists every Kind.
func Kinds() []Kind {
	return []Kind{Missing, EntryMissing, CABundleMissing, FailurePolicyBlocks, FailurePolicyAdmits, Leftover, HostNotNamed, NotUnderstood}
}

// Gap is one thing that is wrong.
type Gap struct {
	Kind Kind
	// In is the registration or the entry it is about.
	In string
	// Host is set for HostNotNamed.
	Host registry.Host
}

// String says what is wrong, what comes of it, and what to do.
func (g Gap) String() string {
	switch g.Kind {
	case Missing:
		if g.In == policyRegistration {
			return g.In + " does not exist, so the allow-list judges no pod: apply the registration"
		}
		return g.In + " does not exist, so nothing asks tcr-webhook: apply the registration"
	case EntryMissing:
		return fmt.Sprintf("%s lacks the webhook %s, or its rules: apply the registration again", registrationOf(g.In), g.In)
	case CABundleMissing:
		return g.In + " has no caBundle, so the API server cannot trust tcr-webhook: have it filled in"
	case FailurePolicyBlocks:
		return g.In + " has failurePolicy Fail and would block what a cluster needs to come up: set Ignore"
	case FailurePolicyAdmits:
		return g.In + " has failurePolicy Ignore, so rules that enforce hold only while tcr-webhook answers: set Fail"
	case Leftover:
		return g.In + " asks tcr-webhook about an allow-list that is not configured: delete the registration"
	case HostNotNamed:
		return fmt.Sprintf("%s does not let images of %s through, so their pods get no login: add the host to its matchConditions", g.In, g.Host)
	default:
		if g.In == policyRegistration {
			return g.In + " cannot be read, so whether the allow-list judges pods cannot be told: grant get, list and watch of it"
		}
		return g.In + " has matchConditions of another form than ours: whether they let every host through cannot be told"
	}
}

// entry is one of our webhooks, of any registration. One without rules is never
// called: it is there for the caBundle that it keeps, and counts as none.
type entry struct {
	name       string
	caBundle   []byte
	policy     *admissionregistrationv1.FailurePolicyType
	conditions []admissionregistrationv1.MatchCondition
}

// expected is what one of our webhooks has to be.
type expected struct {
	name   string
	images bool // it is asked about pods with our images
	// neverBlocks: without us, it must let everything pass.
	neverBlocks bool
	// alwaysBlocks: without us, it must let nothing pass.
	alwaysBlocks bool
}

func mutatingEntries() []expected {
	return []expected{
		{name: "pods.tcr-webhook.io", images: true}, // Fail, or Ignore where somebody chose that
		{name: "pods-best-effort.tcr-webhook.io", images: true, neverBlocks: true},
	}
}

func validatingEntries() []expected {
	return []expected{
		{name: "final-pods.tcr-webhook.io", images: true},
		{name: "namespaces.tcr-webhook.io", neverBlocks: true},
	}
}

// Gaps lists what is wrong with the live registrations, given the hosts that
// are served and the allow-list. It is empty where all is well.
func Gaps(live Live, hosts []registry.Host, list AllowList) []Gap {
	var gaps []Gap
	if live.Mutating == nil {
		gaps = append(gaps, Gap{Kind: Missing, In: "MutatingWebhookConfiguration " + Name})
	} else {
		var entries []entry
		for _, w := range live.Mutating.Webhooks {
			if len(w.Rules) > 0 {
				entries = append(entries, entry{w.Name, w.ClientConfig.CABundle, w.FailurePolicy, w.MatchConditions})
			}
		}
		gaps = append(gaps, compare(mutatingEntries(), entries, hosts)...)
	}
	if live.Validating == nil {
		gaps = append(gaps, Gap{Kind: Missing, In: "ValidatingWebhookConfiguration " + Name})
	} else {
		gaps = append(gaps, compare(validatingEntries(), entriesOf(live.Validating), hosts)...)
	}
	return append(gaps, policyGaps(live, list)...)
}

func entriesOf(c *admissionregistrationv1.ValidatingWebhookConfiguration) []entry {
	entries := make([]entry, 0, len(c.Webhooks))
	for _, w := range c.Webhooks {
		if len(w.Rules) > 0 {
			entries = append(entries, entry{w.Name, w.ClientConfig.CABundle, w.FailurePolicy, w.MatchConditions})
		}
	}
	return entries
}

func compare(want []expected, got []entry, hosts []registry.Host) []Gap {
	var gaps []Gap
	for _, x := range want {
		found := false
		for _, e := range got {
			if e.name == x.name {
				found = true
				gaps = append(gaps, e.gaps(x, hosts)...)
			}
		}
		if !found {
			gaps = append(gaps, Gap{Kind: EntryMissing, In: x.name})
		}
	}
	return gaps
}

func (e *entry) gaps(x expected, hosts []registry.Host) []Gap {
	var gaps []Gap
	if len(e.caBundle) == 0 {
		gaps = append(gaps, Gap{Kind: CABundleMissing, In: e.name})
	}
	switch blocks := e.blocks(); {
	case x.neverBlocks && blocks:
		gaps = append(gaps, Gap{Kind: FailurePolicyBlocks, In: e.name})
	case x.alwaysBlocks && !blocks:
		gaps = append(gaps, Gap{Kind: FailurePolicyAdmits, In: e.name})
	}
	if !x.images {
		return gaps
	}
	unclear := false
	for _, h := range hosts {
		switch e.lets(string(h) + sampleImage) {
		case no:
			gaps = append(gaps, Gap{Kind: HostNotNamed, In: e.name, Host: h})
		case unknown:
			unclear = true
		}
	}
	if unclear {
		gaps = append(gaps, Gap{Kind: NotUnderstood, In: e.name})
	}
	return gaps
}

// blocks tells what becomes of a pod that we give no answer for. The API server
// takes a missing policy for Fail, and writes it in.
func (e *entry) blocks() bool {
	return e.policy == nil || *e.policy != admissionregistrationv1.Ignore
}

// sampleImage stands for the images of a host. Conditions may leave out some of
// its paths, such as those that Tencent keeps for itself; this is not one.
const sampleImage = "/tcr-webhook-sample/app:1"

// lets tells whether all conditions let a new pod through whose image this is.
func (e *entry) lets(image string) answer {
	all := yes
	for _, c := range e.conditions {
		all = min(all, lets(c.Expression, image))
	}
	return all
}
