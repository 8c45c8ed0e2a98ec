package main

// part is a chapter of the report.
type part struct {
	title, note string
	promises    []promise
}

func parts() []part {
	return []part{
		{"The figures above all", figuresNote, aboveAll()},
		{"Goals of performance", "", performance()},
		{"Goals of reliability", "", reliability()},
	}
}

const figuresNote = `What the design names first. The numbers behind most of them are those of P1 to P11 and R1 to R20 below.`

// aboveAll are the figures of the design that are not a goal below, or sum
// several up.
func aboveAll() []promise {
	return []promise{
		{
			id:    "hang",
			text:  "Admission is unchanged while the cloud's API hangs: its p99 is at most 1.2 times the quiet one of the same run.",
			tests: in("credentials/token", "TestAHungCallDelaysNobodyElse"),
		},
		{
			id:   "wave",
			text: "Admission is unchanged while ten thousand Secrets are renewed: its p99 is at most 1.2 times the quiet one of the same run.",
		},
		{
			id:    "burst",
			text:  "500 namespaces that come at once with their first pods: every Secret is there before its pod is admitted.",
			tests: in("test/load/credentials", "TestFirstPodsOfManyNamespacesAtOnce"),
		},
		{
			id:   "losses",
			text: "No call is lost in restarts, at the expiry of connections and in rotations of certificates, nor in any timing.",
			tests: append(in("test/load/chaos", "TestNoCallIsLostByRollingRestarts", "TestNoCallIsLostByKeepAliveExpiry", "TestNoCallIsLostByRotations"),
				in("test/e2e", "TestRelease")...),
		},
		{
			id:    "rollout",
			text:  "A roll-out of 20,000 pods on 2,000 nodes in 10,000 namespaces costs the API server little more than one without us.",
			tests: append(in("test/load/rollout", "TestASmallRun"), in("test/integration", "TestAPodWithItsPullSecretIsAskedAboutOnce")...),
			short: "all servers share two cores, which are full for as long as pods are created, so that every hand-over from one to another waits " +
				"its turn, those of an admission as well; what is lost is lost in the first half, while pods are created. Of the CPU that a pod " +
				"costs more our own is a twelfth. Why the API server's grows by more than behind make bench, where pods come more slowly, is " +
				"not known.",
		},
		{
			id: "chaos",
			text: "Whatever order faults come in: no admitted pod lacks a needed secret's name, no valid login is replaced by a worse one, " +
				"nothing of others is written, no image is moved to a name that does not resolve, nothing is tried without bound, and memory " +
				"and goroutines come back. Twenty seeds of two minutes and more show it, a seed can be run again, and five bugs that are " +
				"planted are found.",
			tests: in("test/load/storm", "TestStormOfTwoMinutes", "TestPlantedBugsAreFound"),
		},
	}
}
