// Package webhook is the admission webhook: what becomes of a Pod or of a
// Namespace as it is created, and the HTTPS server that the API server asks.
//
// Decide is a pure function from a request and a State to a Decision,
// DecideNamespace one for namespaces, and Objections what the allow-list of
// package policy has against a pod's images. Around them stand the handlers, which
// gather the inputs from memory and write the answer, and the Server, which
// outlives keep-alives and rollouts without losing a call.
//
// The package never calls the API server or Tencent Cloud and never waits for
// either, with one exception behind the interface PullSecrets: the first pod of
// a namespace may wait a moment for its Secret. It never removes anything from
// a Pod, and never rejects anything for a fault of its own: a call that cannot be
// answered gets HTTP 503, which leaves the choice to the failurePolicy.
//
// cmd imports it; it reaches no cloud SDK and no live client.
package webhook
