package main

import "slices"

// performance are the goals P1 to P12.
func performance() []promise { return slices.Concat(speed(), scale()) }

// speed are the goals about one call.
func speed() []promise {
	return []promise{
		{
			id:   "P1",
			text: "The handler takes at most 20 µs and 10 allocations for a review of 6 kB, and at most 150 µs for one of 60 kB.",
		},
		{
			id: "P2",
			text: "A call over TLS costs the server at most twice the CPU of a bare echo that parses nothing, for a review of 6 kB, " +
				"and at most four times for one of 60 kB.",
		},
		{
			id: "P3",
			text: "By CPU time of the handler at 6 kB, at least 20 times as fast as harbor-container-webhook and 300 times as fast as " +
				"k8s-image-swapper.",
			short: peersShort,
		},
		{
			id: "P4",
			text: "What we add to the creation of a pod on a real API server is at most a quarter of what the API server's own " +
				"MutatingAdmissionPolicy adds for the same mutation, and at most 1 ms at p50 on an idle machine.",
		},
		{
			id: "P5",
			text: "All calls are answered within 5 ms, as the API server's own histogram counts them, at 200 creations a second with a " +
				"tenth of a CPU; and 99.9 % of them within 5 ms at 1,000 a second with one CPU.",
		},
		{
			id: "P6",
			text: "A hostile pod of up to 3 MiB costs at most 15 ms and 4 MiB; 200 callers that send 7 MiB straight to the port take " +
				"the process to at most 96 MiB, and no call of the API server is lost.",
			tests: in("test/load/chaos", "TestHostileCallersCostNoCall", "TestManyContainersFitInMemory"),
			short: "the tests hold the process's memory to 128 MiB, half of the Deployment's limit, and log what it was.",
		},
	}
}

// scale are the goals about many of them, and about what we take for ourselves.
func scale() []promise {
	return []promise{
		{
			id: "P7",
			text: "For 10,000 namespaces: at most 64 MiB resident, ready within 10 s of a cold start, at most 25 writes a second, and " +
				"one token call an instance in about 40 minutes (two an hour).",
		},
		{
			id:    "P8",
			text:  "No call is lost of a million, while replicas restart a hundred times and the CA is rotated a hundred times.",
			tests: in("test/load/chaos", "TestNoCallIsLostByRotations", "TestNoCallIsLostByRollingRestarts", "TestNoCallIsLostByKeepAliveExpiry"),
		},
		{
			id:    "P9",
			text:  "A hit in the token cache takes at most 50 ns and is never held up by a renewal: at most 100 µs while the API hangs.",
			tests: in("credentials/token", "TestAHungCallDelaysNobodyElse", "BenchmarkPeekHit", "BenchmarkPeekHitWhileATokenChanges"),
		},
		{
			id:    "P10",
			text:  "A pod that needs nothing of us costs the API server at most 12 µs, for its matchConditions, and no call.",
			tests: in("test/integration", "TestCallsThatAreNotMade"),
			short: "evaluating conditions that are false takes the API server about those 12 µs, for the three entries that a pod comes to; the " +
				"goal was set by one entry. What the API server counts is elapsed time, with its own load in it.",
		},
		{
			id: "P11",
			text: "A namespace's Secret is there within 500 ms, at p99, of the admission of its first pod. (It is there before: a first " +
				"pod waits for it, so that no kubelet asks without it.)",
			tests: slices.Concat(
				in("test/load/credentials", "TestFirstPodsOfManyNamespacesAtOnce"),
				in("test/integration", "TestManyFirstPodsAtOnce", "TestEveryNamespaceGetsItsSecretAtOnce"),
			),
		},
		{
			id: "P12",
			text: "Rights on Secrets of one name alone, and an image with one static binary of at most 15 MB. (One process serves and " +
				"keeps Secrets; outside of its own namespace it can touch no other Secret.)",
			tests: slices.Concat(
				in("test/integration", "TestRightsOnSecretsAreThoseOfThreeNames", "TestTheServerMayTouchNoOtherSecret"),
				in("test/chart/live", "TestTheFenceAroundSecrets"),
			),
		},
	}
}
