// Package explain says what tcr-webhook makes of a manifest, and why: it builds
// the requests that the API server would send, of a Pod or of the pods that a
// workload makes, and decides them by the very functions of package webhook that
// the server decides by.
//
// It is pure. Whoever calls it has gathered the configuration, the labels of
// namespaces and what is known of instances.
package explain
