// Package token keeps a registry token for every instance that is in use.
//
// A Cache asks an Issuer for tokens, renews them in the background while the
// old ones still work, and hands them out from memory. When the cloud API is
// away, the last good token is served until shortly before it expires; when
// it refuses, callers are told so at once and the API is left alone for a
// while.
//
// The package never calls a cloud API itself, never writes to Kubernetes, and
// never logs or returns a password except through Secret.Reveal. The webhook
// may use Peek, which reads memory; Get can wait for the cloud and is for
// controllers and commands.
package token
