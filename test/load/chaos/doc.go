// Package chaos breaks things around the webhook's server while the API server
// calls it, and counts the calls that are lost: connections that expire,
// replicas that restart, faults at every place the handler calls out to, and
// callers that mean harm.
//
// The calls are made by the API server's own admission plugin
// (k8s.io/apiserver, plugin/webhook/mutating), in process and with its own
// transport settings; the server is this project's own. The package holds
// nothing but tests, and nothing imports it.
package chaos
