package schedule

import "time"

// Kind is a fault.
type Kind string

// The faults of the cloud.
const (
	CloudHangs     Kind = "the cloud hangs"
	CloudThrottles Kind = "the cloud throttles"
	CloudFails     Kind = "the cloud answers 500"
	CloudHTML      Kind = "the cloud answers with a web page"
	CloudMalformed Kind = "the cloud answers malformed JSON"
	CloudDrops     Kind = "the cloud drops connections"
	RightDenied    Kind = "the right to one instance is taken away"
	STSDown        Kind = "STS is down"
	ObserveHangs   Kind = "observations of routes hang"
	ClockOff       Kind = "the cloud's clock is off by a thirtieth of a life"
	ClockAhead     Kind = "the cloud's clock is a minute ahead"
	ClockBehind    Kind = "the cloud's clock is a minute behind"
	ClockFar       Kind = "the cloud's clock is ten minutes ahead"
	LinkDown       Kind = "a private link is down"
	DNSGone        Kind = "the -vpc name does not resolve"
	DNSPublic      Kind = "the public name resolves privately"
)

// The faults of our own processes and of the cluster.
const (
	ReplicaKilled  Kind = "a replica is killed"
	LeaderKilled   Kind = "the leader is killed"
	ReplicaFrozen  Kind = "a replica stands still"
	LeaderFrozen   Kind = "the leader stands still for longer than its lease"
	Restarted      Kind = "a replica is restarted in order"
	APIRestarted   Kind = "the API server is restarted"
	APIFrozen      Kind = "the API server stands still"
	EtcdFrozen     Kind = "etcd stands still"
	BundleReplaced Kind = "a caBundle is replaced"
	CADeleted      Kind = "the CA Secret is deleted"
	TokensDeleted  Kind = "the shared tokens are deleted"
	ConfigBroken   Kind = "the configuration is broken"
	InstanceOut    Kind = "an instance is out of the configuration"
	SecretDeleted  Kind = "a pull Secret is deleted"
	SecretTampered Kind = "a pull Secret is tampered with"
	SecretRetyped  Kind = "a pull Secret is made anew with another type"
	SecretFixed    Kind = "a pull Secret is made immutable"
	SecretRelabel  Kind = "a pull Secret loses its labels"
	Foreign        Kind = "a foreign Secret has our name"
	BriefNamespace Kind = "a namespace is deleted while its first pod comes"
	OptedOut       Kind = "a namespace opts out"
)

// Excuse is what a fault may cost while it lasts, and for some time after.
type Excuse uint

// The excuses.
const (
	// Logins may end, for there is nobody who could renew them.
	Logins Excuse = 1 << iota
	// Calls of the webhook may be lost: who answered them died, stands still,
	// or is not trusted.
	Calls
	// Requests of the API server may fail, and watchers may see nothing.
	Requests
	// Routes may be those that were observed last.
	Routes
	// Configured says that what the configuration, or a label, wants of the
	// target is changing.
	Configured
)

// Trait is what a Kind is like.
type Trait struct {
	Kind Kind
	// Slot is what the fault breaks. Of one slot there is one fault at a time.
	Slot string
	// Least and Most are how long it lasts; zero for what is done at once.
	Least, Most time.Duration
	// Heavy faults stop everything for longer than a lease. Half of the decks
	// are without them.
	Heavy bool
	// Excuses hold from the begin of the fault until Tail after its end.
	Excuses Excuse
	Tail    time.Duration
	// Apart are slots that must be calm meanwhile.
	Apart []string
}

// The slots.
const (
	slotIssue   = "issue"
	slotRight   = "right"
	slotSTS     = "sts"
	slotObserve = "observe"
	slotClock   = "clock"
	slotLink    = "link"
	slotReplica = "replica"
	slotAPI     = "api server"
	slotTrust   = "trust"
	slotConfig  = "config"
	slotSecret  = "secret"
	slotSpace   = "namespace"
)

const (
	// hears is three tries of a renewal, and the Secrets' turn.
	hears = 10 * time.Second
	// succession is a lease of 15 s, the two seconds in which the others ask for
	// it, the five in which they see that nobody leads, and hears.
	succession = 32 * time.Second
	// reads is when a file has been read that is looked at every two seconds, the
	// token is there and the Secrets had their turn.
	reads = 8 * time.Second
	// answers is a call's time-out of 3 s, and the probe that finds out.
	answers = 5 * time.Second
)

// unlearned says why a fault is apart from those that start processes or take
// instances out: a process that has never had a token of an instance takes its
// life for an hour, and so leaves a denial alone for five minutes, which is
// right then and far beyond a storm.
func unlearned() []string { return []string{slotReplica, slotAPI, slotConfig} }

// Traits are all kinds, in the order of their names above.
func Traits() []Trait {
	const s = time.Second
	return []Trait{
		{Kind: CloudHangs, Slot: slotIssue, Least: 3 * s, Most: 9 * s, Excuses: Logins, Tail: hears},
		{Kind: CloudThrottles, Slot: slotIssue, Least: 3 * s, Most: 9 * s, Excuses: Logins, Tail: hears},
		{Kind: CloudFails, Slot: slotIssue, Least: 3 * s, Most: 9 * s, Excuses: Logins, Tail: hears},
		{Kind: CloudHTML, Slot: slotIssue, Least: 3 * s, Most: 9 * s, Excuses: Logins, Tail: hears},
		{Kind: CloudMalformed, Slot: slotIssue, Least: 3 * s, Most: 9 * s, Excuses: Logins, Tail: hears},
		{Kind: CloudDrops, Slot: slotIssue, Least: 3 * s, Most: 9 * s, Excuses: Logins, Tail: hears},
		{Kind: RightDenied, Slot: slotRight, Least: 12 * s, Most: 15 * s, Excuses: Logins, Tail: hears, Apart: unlearned()},
		{Kind: STSDown, Slot: slotSTS, Least: 3 * s, Most: 9 * s, Excuses: Logins, Tail: hears},
		{Kind: ObserveHangs, Slot: slotObserve, Least: 3 * s, Most: 9 * s, Excuses: Routes, Tail: hears},
		{Kind: ClockOff, Slot: slotClock, Least: 3 * s, Most: 12 * s},
		{Kind: ClockAhead, Slot: slotClock, Least: 3 * s, Most: 9 * s, Excuses: Logins, Tail: hears},
		{Kind: ClockBehind, Slot: slotClock, Least: 3 * s, Most: 9 * s, Excuses: Logins, Tail: hears},
		{Kind: ClockFar, Slot: slotClock, Least: 3 * s, Most: 6 * s, Excuses: Logins | Routes, Tail: hears, Apart: unlearned()},
		{Kind: LinkDown, Slot: slotLink, Least: 14 * s, Most: 20 * s},
		{Kind: DNSGone, Slot: slotLink, Least: 14 * s, Most: 20 * s},
		{Kind: DNSPublic, Slot: slotLink, Least: 8 * s, Most: 14 * s},
		{Kind: ReplicaKilled, Slot: slotReplica, Excuses: Calls, Tail: answers},
		{Kind: LeaderKilled, Slot: slotReplica, Heavy: true, Excuses: Logins | Calls | Routes, Tail: succession},
		{Kind: ReplicaFrozen, Slot: slotReplica, Least: 3 * s, Most: 8 * s, Excuses: Calls, Tail: answers},
		{Kind: LeaderFrozen, Slot: slotReplica, Least: 18 * s, Most: 20 * s, Heavy: true, Excuses: Logins | Calls | Routes, Tail: succession},
		{Kind: Restarted, Slot: slotReplica, Least: 3 * s, Most: 3 * s, Excuses: Logins | Routes, Tail: hears},
		{Kind: APIRestarted, Slot: slotAPI, Least: s, Most: 6 * s, Heavy: true, Excuses: Logins | Calls | Requests | Routes, Tail: succession, Apart: []string{slotSecret, slotSpace}},
		{Kind: APIFrozen, Slot: slotAPI, Least: 3 * s, Most: 8 * s, Heavy: true, Excuses: Logins | Calls | Requests | Routes, Tail: succession, Apart: []string{slotSecret, slotSpace}},
		{Kind: EtcdFrozen, Slot: slotAPI, Least: 3 * s, Most: 8 * s, Heavy: true, Excuses: Logins | Calls | Requests | Routes, Tail: succession, Apart: []string{slotSecret, slotSpace}},
		{Kind: BundleReplaced, Slot: slotTrust, Excuses: Calls, Tail: answers},
		{Kind: CADeleted, Slot: slotTrust, Excuses: Calls, Tail: answers},
		{Kind: TokensDeleted, Slot: slotTrust},
		{Kind: ConfigBroken, Slot: slotConfig, Least: 3 * s, Most: 6 * s},
		{Kind: InstanceOut, Slot: slotConfig, Least: 4 * s, Most: 9 * s, Excuses: Configured, Tail: reads},
		{Kind: SecretDeleted, Slot: slotSecret},
		{Kind: SecretTampered, Slot: slotSecret},
		{Kind: SecretRetyped, Slot: slotSecret},
		{Kind: SecretFixed, Slot: slotSecret},
		{Kind: SecretRelabel, Slot: slotSecret},
		{Kind: Foreign, Slot: slotSpace},
		{Kind: BriefNamespace, Slot: slotSpace},
		{Kind: OptedOut, Slot: slotSpace, Least: 4 * s, Most: 8 * s, Excuses: Configured, Tail: reads},
	}
}
