package main

import (
	"cmp"
	"slices"
)

// reliability are the goals R1 to R23.
func reliability() []promise {
	all := slices.Concat(serving(), robust(), cloud(), secrets(), pods(), cluster())
	slices.SortFunc(all, func(a, b promise) int { return cmp.Or(cmp.Compare(len(a.id), len(b.id)), cmp.Compare(a.id, b.id)) })
	return all
}

// serving are the goals about calls that may not be lost.
func serving() []promise {
	return []promise{
		{
			id: "R1",
			text: "While all replicas are restarted one by one under 50 creations a second and more, every creation succeeds and is mutated, " +
				"of 50,000 and 20 restarts.",
			tests: slices.Concat(
				in("test/load/chaos", "TestNoCallIsLostByRollingRestarts", "TestNoCallIsLostByFastRollingRestarts", "TestRollingRestartsOfAnAbruptServerLoseCalls"),
				in("test/e2e", "TestRelease"),
			),
		},
		{
			id:   "R2",
			text: "No call is lost on a connection that was idle, for however long: the server keeps it for longer than the API server's 90 s, 120 s at least.",
			tests: slices.Concat(
				in("test/load/chaos", "TestNoCallIsLostByKeepAliveExpiry", "TestNoCallIsLostByScaledExpiry", "TestNoCallIsLostOnAnUnusedConnection",
					"TestIdleTimeoutOfTheServer", "TestAnEqualIdleTimeoutLosesCalls"),
				in("webhook", "TestServerKeepsIdleConnectionsLongerThanTheCaller"),
			),
		},
		{
			id: "R3",
			text: "While CA and certificates are rotated, a hundred times, with three replicas that hear of it late and leaders that end at each " +
				"step, no handshake fails: a certificate is served only while the caBundle has its CA, and a CA leaves only when the last " +
				"certificate it can have signed has expired.",
			tests: slices.Concat(
				in("test/load/chaos", "TestNoCallIsLostByRotations", "TestARotationInPlaceLosesCalls"),
				in("certs", "TestNothingThatIsServedIsEverNotTrusted", "FuzzHandOver"),
				in("test/integration", "TestRotationsLoseNoPod"),
			),
		},
		{
			id:   "R4",
			text: "After the Secret of the CA or the caBundle is deleted or damaged by hand, calls are answered again within 5 s and without a restart.",
			tests: slices.Concat(
				in("test/integration", "TestAWipedBundleIsBackWithinASecond", "TestADamagedSecretIsMendedAndCostsNothing"),
				in("certs", "TestALostSecretCostsNothingThatIsServed"),
			),
		},
	}
}

// robust are the goals about faults of our own and about callers that mean harm.
func robust() []promise {
	return []promise{
		{
			id: "R9",
			text: "A replica with cold caches is not ready; called anyway it holds the call for up to half of its timeout, and then answers 503 with " +
				"Retry-After, so that another serves it and no pod goes unmutated. (Retry-After is a second: an immediate retry at the only " +
				"replica would be a rejection within milliseconds.)",
			tests: slices.Concat(
				in("webhook", "TestPodsHoldsACallWhileCold", "TestPodsHoldsNoMoreThanItsQueue", "TestFinalPodsWhileCold"),
				in("test/integration", "TestAServerIsReadyBeforeItIsRegistered"),
			),
		},
		{
			id:   "R10",
			text: "Where our own code panics or fails, failurePolicy decides about the pod; it is never denied by accident.",
			tests: slices.Concat(
				in("test/load/chaos", "TestNoFaultDeniesAPod", "TestFaultsInAnAPIServer", "TestMutilatedReviewsAreNeverDenials", "TestWhatIsNoReviewIsRefused",
					"TestNoFaultOfALookDenies", "TestFaultsOfALookInAnAPIServer"),
				in("webhook", "TestServerAnswersAPanic", "TestNamespacesNeverDeniesForAFaultOfItsOwn"),
			),
		},
		{
			id: "R13",
			text: "A hostile pod of up to 3 MiB is answered within 50 ms and 8 MiB; under 200 hostile callers, with bodies of 7 MiB, slow bodies " +
				"and no TLS, memory stays within the limit and the p99 of others within 50 ms.",
			tests: in("test/load/chaos", "TestHostileCallersCostNoCall", "TestSlowSmallBodiesCostNoCall", "TestSlowLargeBodiesCostNoLargePod", "TestManyContainersFitInMemory"),
			short: "callers and server share two cores, where handshakes alone take longer: the tests bound the p99 by 250 ms, or ten times the quiet " +
				"one. No call is lost, and memory stays below half of the limit. The hostile pod's own time and memory are P6's.",
		},
		{
			id: "R14",
			text: "With a hundred creations at once and a tenth of a CPU no call runs into its timeout; what is too much is refused by 503 with " +
				"Retry-After, and counted.",
			tests: in("webhook", "TestPodsShedsLargeReviews", "TestPodsHoldsNoMoreThanItsQueue", "TestPodsMetrics"),
			short: "calls are refused where there is no memory or no place in the queue for them, and not for want of CPU: of twice as many as it is " +
				"enough for, most run into their timeouts, where handshakes for ever more connections take what there is.",
		},
	}
}

// cloud are the goals about tokens when things are down.
func cloud() []promise {
	return []promise{
		{
			id: "R5",
			text: "While the cloud's API is down for two thirds of a token's life, by time-outs, 5xx, HTML or resets, every pod is mutated and every " +
				"Secret valid; after it, all is renewed within two minutes. (How admission does meanwhile is above: hang.)",
			tests: slices.Concat(
				in("test/load/credentials", "TestFaultsOfTheCloud", "TestFaultsOfSTS", "TestThrottledToOneCallASecond"),
				in("test/integration", "TestTheSecretNeverRunsDry", "TestWhatTheAPIDoesWrong"),
				in("credentials/token", "TestManyCallersDoNotHammerAFailingAPI"),
			),
		},
		{
			id: "R6",
			text: "With the cloud's API down beyond a token's end, admission still answers within 5 ms, no Secret is deleted or replaced by one that " +
				"has expired, and one Event and a metric say so.",
			tests: slices.Concat(
				in("test/load/credentials", "TestFaultsOfTheCloud", "TestAllReplicasAreKilledWhileTheCloudHangs"),
				in("test/integration", "TestStartWithoutTheAPI"),
				in("credentials", "TestTokenNews", "TestEnsureSaysWhyThereIsNoToken"),
			),
			short: "the time is measured with the API down (see hang), and not apart for tokens that have ended.",
		},
		{
			id: "R7",
			text: "With 10,000 namespaces due at once, writes stay at 25 a second, every Secret is renewed five minutes before its login ends, and " +
				"an instance costs one token call.",
			tests: slices.Concat(
				in("credentials", "TestTheWaveKeepsItsPace", "TestTheWaveGoesByDeadlineAndThenByArrival", "TestRenewalsAreSpread"),
				in("test/integration", "TestAWaveBringsNothingBack"),
			),
		},
		{
			id: "R8",
			text: "When the leader is killed, cut off or stands still for a minute, no stored login is ever replaced by one that ends earlier, and " +
				"renewals pause for the lease and five seconds at most.",
			tests: slices.Concat(
				in("test/load/credentials", "TestTheLeaderIsKilledInAWave", "TestTheLeaderFreezesInAWave", "TestOutagesOfTheAPIServer"),
				in("test/stack/ledger", "TestJudge"),
			),
		},
	}
}

// secrets are the goals about the pull Secrets.
func secrets() []promise {
	return []promise{
		{
			id: "R16",
			text: "Where a namespace and its first pod come in the same second, the Secret is there before the kubelet's first pull in 99.9 % of 10,000 " +
				"cases.",
			tests: slices.Concat(
				in("test/load/credentials", "TestFirstPodsOfManyNamespacesAtOnce"),
				in("test/integration", "TestManyFirstPodsAtOnce", "TestEveryNamespaceGetsItsSecretAtOnce"),
				in("test/e2e", "TestRelease"),
			),
		},
		{
			id: "R17",
			text: "A Secret of ours that somebody edits or deletes is restored within 2 s; somebody else's of that name is never overwritten or " +
				"deleted, and we say so.",
			tests: slices.Concat(
				in("test/integration", "TestWhatOthersDoToTheSecretIsRepaired", "TestWhatOthersAddToTheSecretStays", "TestWhoeverKeepsFightingCostsFewWrites",
					"TestForeignSecretsOfEveryTypeAreLeftAlone", "TestAForeignSecretIsLeftAlone"),
			),
			short: "the test allows 5 s, on a machine that does much else, and logs how long each repair took.",
		},
		{
			id: "R20",
			text: "A soak with faults and restarts leaves memory, goroutines and file descriptors flat and loses nothing, and no token is in a " +
				"log, an Event, a metric, a status or a panic.",
			tests: slices.Concat(
				in("test/integration", "TestEveryPathWorksWithTheShippedRights", "TestStatusNamesTheMissingRight"),
				in("webhook", "TestNothingOfAPodIsLogged"),
				in("credentials/token", "TestSecretIsNotFormatted", "TestSecretIsNotMarshalled", "TestSecretIsNotLogged"),
				in("credentials/tcr", "TestNoAnswerShowsItsToken"),
				in("test/load/storm", "TestStormOfTwoMinutes"),
			),
			short: "of the 24 hours it was to be, half an hour is run, with tokens that live for less than a minute.",
		},
	}
}

// pods are the goals about what happens to a pod.
func pods() []promise {
	return []promise{
		{
			id: "R11",
			text: "Every patch applies, and changes nothing but images, pull secrets and our annotation; a second pass changes nothing, also after " +
				"other webhooks.",
			tests: slices.Concat(
				in("webhook", "FuzzDecide", "TestDecideGolden", "TestOriginalsNeverMakeAPodInvalid"),
				in("webhook/podview", "FuzzPatch", "FuzzDecodeWhatIsSent", "TestDecodeAgreesWithKubernetes"),
				in("test/integration", "TestGoldenPodsOnARealAPIServer", "TestASidecarOfAnotherWebhook", "TestApplyingAPodAgainChangesNothing"),
			),
		},
		{
			id:   "R12",
			text: "Ephemeral, init and sidecar containers, image volumes and workloads' templates: each place that can bring an image is rewritten and judged, or documented.",
			tests: slices.Concat(
				in("webhook/podview", "TestEveryImageOfTheAPIIsASite", "TestEverySiteIsVisited"),
				in("test/integration", "TestEveryImageSite", "TestPolicyOfTemplates"),
			),
		},
		{
			id:    "R18",
			text:  "A dry run writes nothing and calls no cloud.",
			tests: in("test/integration", "TestDryRunWritesNothing", "TestDryRunsCostNothing"),
		},
		{
			id:    "R22",
			text:  "The API server's audit explains each mutation.",
			tests: in("test/integration", "TestTheAuditExplainsAMutation", "TestPolicyWarnsAndNotes"),
		},
	}
}

// cluster are the goals about the cluster around us.
func cluster() []promise {
	return []promise{
		{
			id: "R15",
			text: "With nothing of ours running, failurePolicy Ignore lets every pod in within the timeout of 3 s, and each unmutated pod that " +
				"needed us is reported within a minute of our return.",
			tests: in("test/integration", "TestWithoutUs", "TestCallsThatAreNotMade", "TestPolicyWithoutUs"),
			short: "such pods are found when somebody asks (kubectl tcr doctor), and not reported by themselves.",
		},
		{
			id: "R19",
			text: "With an older and a newer replica side by side, on Kubernetes 1.29 to 1.37, and after a downgrade, nothing is denied, lost or " +
				"rewritten twice; an uninstallation leaves no registration and no pod that cannot be created.",
			tests: slices.Concat(
				in("test/chart/live", "TestUpgradeFromTheVersionBefore", "TestUpgradesSwitchFeatures", "TestTheHookBlocksNoUninstall"),
				in("test/chart", "TestOldKubernetesGetsWhatItKnows", "TestKubernetesVersions"),
				in("test/integration", "TestUninstallOfWhatRuns", "TestSwitchingLosesNoCall"),
			),
			short: "one version of the API server is run here, 1.37.2; for others the chart's manifests alone are tried.",
		},
		{
			id:    "R21",
			text:  "Our own namespace, kube-system and the network's pods never wait for us: a cluster comes up from nothing while we are dead.",
			tests: in("test/integration", "TestWithoutUs", "TestSystemPodsAreServed"),
		},
		{
			id: "R23",
			text: "With the rights that are shipped every path of the code works, and none of them is on a Secret beyond our names; of another type " +
				"than a pull secret's even that is refused.",
			tests: slices.Concat(
				in("test/integration", "TestEveryPathWorksWithTheShippedRights", "TestEveryRightIsUsed", "TestRightsOnSecretsAreThoseOfThreeNames",
					"TestTheServerMayTouchNoOtherSecret"),
				in("test/chart/live", "TestTheFenceAroundSecrets"),
			),
		},
	}
}
