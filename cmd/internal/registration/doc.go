// Package registration finds what the live registrations of tcr-webhook with
// the API server would keep from it: hosts that we know and their conditions
// do not name, entries that are missing, a certificate authority that was never
// filled in, and a failurePolicy that could block what a cluster needs, or that
// admits what nobody has judged while the allow-list enforces.
//
// Everything here is a pure function of the registrations, the hosts and
// whether there is an allow-list. The commands import it; it calls nobody and
// changes nothing.
//
// Which pods reach us is decided by CEL expressions. They are not run here: the
// API server's CEL environment weighs more than the rest of the program. What
// can be read are the forms that such conditions have, which is any combination
// by &&, || and ! of tests of an image against literals; see condition. Regular
// expressions are tried with the engine that CEL itself uses. What cannot be
// read is said to be so, and never taken for a gap.
package registration
