// Package registry knows registry instances: their ids, their host names, the
// namespaces they serve, and what becomes of an image reference that names one
// of them.
//
// Everything here is a pure function of its arguments. The package reaches
// nothing but the standard library, distribution/reference and Kubernetes'
// label types; it never asks an API, reads a clock or logs. The webhook, the
// credentials controller and the command line plugin share it, so that all
// three give one answer.
package registry
