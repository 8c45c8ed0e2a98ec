// Package status is how matters stand, in a form that outlives a process: one
// document, kept in one ConfigMap of the installation's namespace, with
// conditions in Kubernetes' shape. The leader of tcr-webhook writes it and
// kubectl-tcr reads it; both import this package.
//
// Everything here is a pure function of facts and of the document before: no
// client, no clock. No token, login or answer of an API is ever in it.
package status
