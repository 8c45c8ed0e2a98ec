// Package ledger writes down every version of every pull Secret in a cluster,
// as a watch sees them, and finds what must never happen: a login that is kept
// past its end, a Secret that was deleted and made anew, an expiry that goes
// backwards, more writes than there is reason for.
//
// It reads Secrets as Docker and the registry do, with no code of the product,
// and judges time by the registry's clock. It writes nothing. For tests alone.
package ledger
