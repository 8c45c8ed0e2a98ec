package registration

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Name is the name of both registrations. It sorts last, so that we see pods as
// other webhooks leave them.
const Name = "zz-tcr-webhook"

// Live is the registrations as the API server has them; nil where there is
// none.
type Live struct {
	Mutating   *admissionregistrationv1.MutatingWebhookConfiguration
	Validating *admissionregistrationv1.ValidatingWebhookConfiguration
}

// Kind is what is wrong with a registration. The values are those of a metric's
// label; Kinds lists them all.
type Kind string

const (
	// Missing: there is no such registration, so nobody calls us.
	Missing Kind = "Missing"
	// EntryMissing: the registration lacks one of our webhooks.
	EntryMissing Kind = "EntryMissing"
	// CABundleMissing: the API server cannot trust our certificate.
	CABundleMissing Kind = "CABundleMissing"
	// FailurePolicyBlocks: an entry that must never block has failurePolicy Fail.
	FailurePolicyBlocks Kind = "FailurePolicyBlocks"
	// HostNotNamed: pods with images of a host of ours are kept from us.
	HostNotNamed Kind = "HostNotNamed"
	// NotUnderstood: whether hosts are named cannot be read from a condition.
	NotUnderstood Kind = "NotUnderstood"
)

// Kinds lists every Kind.
func Kinds() []Kind {
	return []Kind{Missing, EntryMissing, CABundleMissing, FailurePolicyBlocks, HostNotNamed, NotUnderstood}
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
		return g.In + " does not exist, so nothing asks tcr-webhook: apply the registration"
	case EntryMissing:
		return fmt.Sprintf("%s lacks the webhook %s: apply the registration again", Name, g.In)
	case CABundleMissing:
		return g.In + " has no caBundle, so the API server cannot trust tcr-webhook: have it filled in"
	case FailurePolicyBlocks:
		return g.In + " has failurePolicy Fail and would block what a cluster needs to come up: set Ignore"
	case HostNotNamed:
		return fmt.Sprintf("%s does not let images of %s through, so their pods get no login: add the host to its matchConditions", g.In, g.Host)
	default:
		return g.In + " has matchConditions of another form than ours: whether they let every host through cannot be told"
	}
}

// entry is one of our webhooks, of either registration.
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
// are served. It is empty where all is well.
func Gaps(live Live, hosts []registry.Host) []Gap {
	var gaps []Gap
	if live.Mutating == nil {
		gaps = append(gaps, Gap{Kind: Missing, In: "MutatingWebhookConfiguration " + Name})
	} else {
		var entries []entry
		for _, w := range live.Mutating.Webhooks {
			entries = append(entries, entry{w.Name, w.ClientConfig.CABundle, w.FailurePolicy, w.MatchConditions})
		}
		gaps = append(gaps, compare(mutatingEntries(), entries, hosts)...)
	}
	if live.Validating == nil {
		return append(gaps, Gap{Kind: Missing, In: "ValidatingWebhookConfiguration " + Name})
	}
	var entries []entry
	for _, w := range live.Validating.Webhooks {
		entries = append(entries, entry{w.Name, w.ClientConfig.CABundle, w.FailurePolicy, w.MatchConditions})
	}
	return append(gaps, compare(validatingEntries(), entries, hosts)...)
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
	// The API server takes a missing policy for Fail, and writes it in.
	if x.neverBlocks && (e.policy == nil || *e.policy != admissionregistrationv1.Ignore) {
		gaps = append(gaps, Gap{Kind: FailurePolicyBlocks, In: e.name})
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
