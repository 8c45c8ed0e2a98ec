// Package webhook is the admission webhook: what becomes of a Pod as it is
// created, and the HTTPS server that the API server asks.
//
// Decide is a pure function from a request and a State to a Decision. Around
// it stand the handler Pods, which gathers the inputs from memory and writes
// the answer, and the Server, which outlives keep-alives and rollouts without
// losing a call.
//
// The package never calls the API server or Tencent Cloud and never waits for
// either, with one exception behind the interface PullSecrets: the first pod of
// a namespace may wait a moment for its Secret. It never removes anything from
// a Pod, and never rejects one for a fault of its own: a call that cannot be
// answered gets HTTP 503, which leaves the choice to the failurePolicy.
//
// cmd imports it; it reaches no cloud SDK and no live client.
package webhook
