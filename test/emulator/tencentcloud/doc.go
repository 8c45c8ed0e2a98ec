// Package tencentcloud is the emulator's API gateway: what every Tencent
// Cloud API 3.0 service has in common.
//
// It verifies the signature, finds the action, applies rate limits and access
// rights, decodes parameters strictly, wraps answers in the Response envelope,
// keeps a log of calls and breaks them on demand (Fault). What the actions do
// is in the packages tcr and sts, which hand it a Service each. It never logs
// a credential, a request body or an answer.
package tencentcloud
