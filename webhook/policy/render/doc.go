// Package render writes the rules of the registry allow-list as
// ValidatingAdmissionPolicies, which the API server evaluates by itself: they
// hold when no webhook answers.
//
// What is written has the verdict of package policy on every image of at most
// 512 bytes, from the same patterns in the same canonical form; a longer one is
// refused. A rule beyond what an expression can say is not written at all.
//
// Everything here is a pure function of its arguments. The package reaches what
// package policy does, and no client. The command line plugin imports it.
package render
