package main

const peersShort = "other projects' code is not part of this one, and nothing here builds or runs it. It was measured once, outside of the tree, " +
	"before our handler was finished: in one process, by the same loop and with the same review of 6 kB, harbor-container-webhook at c21732b took " +
	"669 µs (two rules, no check of the registry, no pull secret), k8s-image-swapper at bc2094a 10,957 µs (no copying, its registry look-up " +
	"stubbed), controller-runtime's usual way 570 µs, and a prototype of our handler 16.5 µs: 41 and 660 times as fast. Of our handler as it is, " +
	"P1 has the time on the same kind of machine, and its ratio to the usual way in one run. The last chapter says how to put another webhook beside ours."

const beside = `
## Beside other webhooks

` + "`test/load/generate`" + ` sends one AdmissionReview over and over to any webhook that an API server could call, and tells what share of
the calls was answered how fast. It takes a file with the review, one or several endpoints as NAME=URL, and the CA to trust;
it speaks HTTP/1.1 as API servers do to Services, or with --http2 HTTP/2. Calls come at even intervals whether or not earlier ones
were answered, and a latency counts from when its call was due. Every latency is kept, and so percentiles are exact. Endpoints take
turns, a round of each after a round of the other, and ratios to the first are taken round by round. What is no answer to the
review counts as an error, a redirect too, and fails the run; a turn without any answer has no figures; denials and patches are
counted beside. An interrupt tells what was measured until then, and -o json tells all of it to programs. To put a webhook beside ours, start both
on one machine, each on a port with a certificate of one CA, and run

` + "```sh" + `
go -C test/load run ./generate --body bench/reviews/testdata/6k.json --ca ca.crt --rate 200 --rounds 7 \
    ours=https://127.0.0.1:9443/mutate/pods other=https://127.0.0.1:9444/mutate
` + "```" + `
`
