package registration

// PolicyName is the name of the allow-list's registration, whose webhooks have
// rules while the configuration has an allow-list.
const PolicyName = "zz-tcr-webhook-policy"

// AllowList is what its registration has to fit.
type AllowList int

const (
	// NoAllowList: none is configured.
	NoAllowList AllowList = iota
	// Tried: no rule enforces.
	Tried
	// Enforced: some rule does.
	Enforced
)

const (
	policyRegistration = "ValidatingWebhookConfiguration " + PolicyName
	policyPods         = "policy.tcr-webhook.io"
	policyWorkloads    = "policy-workloads.tcr-webhook.io"
)

// policyEntries are what list asks for. While no rule enforces, Fail is right,
// too: it is in place before the first one does.
func policyEntries(list AllowList) []expected {
	return []expected{
		{name: policyPods, alwaysBlocks: list == Enforced},
		{name: policyWorkloads, neverBlocks: true}, // it only warns
	}
}

// registrationOf is the name of the registration that an entry belongs in.
func registrationOf(entry string) string {
	if entry == policyPods || entry == policyWorkloads {
		return PolicyName
	}
	return Name
}

func policyGaps(live Live, list AllowList) []Gap {
	switch {
	case list == NoAllowList && live.Policy != nil:
		return leftover(entriesOf(live.Policy))
	case list == NoAllowList:
		return nil // nor does it matter then what we may read
	case live.PolicyUnread:
		return []Gap{{Kind: NotUnderstood, In: policyRegistration}}
	case live.Policy == nil:
		return []Gap{{Kind: Missing, In: policyRegistration}}
	}
	return compare(policyEntries(list), entriesOf(live.Policy), nil)
}

// leftover is what there is to say of entries that nothing calls for.
func leftover(entries []entry) []Gap {
	if len(entries) == 0 {
		return nil
	}
	gaps := []Gap{{Kind: Leftover, In: policyRegistration}}
	for _, e := range entries {
		if e.blocks() {
			gaps = append(gaps, Gap{Kind: FailurePolicyBlocks, In: e.name})
		}
	}
	return gaps
}
