// Package harbor is the emulator's registry: CNCF distribution, in process and
// in memory, behind the token protocol that TCR has from Harbor.
//
// A request without a token gets 401 and a Bearer challenge for
// https://<host>/service/token; there a user name and a pull token buy a
// bearer token for the scopes that the user's rights cover; distribution
// itself checks that one. Who may do what is asked of a Guard at every token,
// never remembered. Each instance has a registry of its own, served under all
// of its host names. Anonymous pulls are refused.
package harbor
