// Package addon plans the way from the TCR add-on of TKE to tcr-webhook: what
// it left in a cluster, which steps are done, and which are whose to do.
//
// Everything here is a pure function of what was found: no client, no clock.
// It knows the names of Secrets and never what is in them.
package addon
