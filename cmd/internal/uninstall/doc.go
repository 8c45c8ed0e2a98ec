// Package uninstall takes an installation out of a cluster, in the one order that
// leaves a cluster which can create pods at every moment: the registrations, so
// that nothing is asked any more; then the pods of the Deployment, so that nothing
// is written any more; then what they wrote.
//
// It removes what is ours and nothing else, each object by its UID, and reads no
// Secret but its metadata. What it finds gone already is no error: interrupted
// anywhere, it goes on from there when it is run again. The objects that the
// chart or a manifest brought, the Deployment among them, are left to whoever
// applied them.
//
// The commands import it: tcr-webhook, whose rights it keeps to, and kubectl-tcr.
package uninstall
