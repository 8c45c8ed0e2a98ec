// Package policy is the registry allow-list: which images may run in which
// namespaces.
//
// Parse reads the rules as an administrator wrote them, once; Compile puts them
// in terms of a registry.Directory, anew whenever that changes; and the Policy
// judges images. Before anything is compared, an image and a pattern are
// brought to one form: a host of an instance in any spelling is the host that
// the instance goes by, and "nginx" is "docker.io/library/nginx". A pod's
// template, the pod as its author wrote it and the pod as the webhook changed
// it therefore get the same verdict.
//
// Every rule that selects a namespace judges for itself, and an image has to
// satisfy all of them.
//
// Everything here is a pure function of its arguments. The package reaches
// nothing but the standard library, distribution/reference, Kubernetes types
// and package registry; it never asks an API, reads a clock or logs. The
// webhook, the configuration and the command line plugin share it.
package policy
