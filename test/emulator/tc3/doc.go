// Package tc3 checks Tencent Cloud's request signature, TC3-HMAC-SHA256.
//
// It parses the Authorization header and recomputes the signature from the
// parts that are signed: method, the canonical URI (always "/"), query,
// content type, host, timestamp and body. It knows no keys and no API, keeps
// no state, and is used by the emulator's API server alone.
package tc3
