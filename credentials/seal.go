package credentials

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// seal is the digest that a pull Secret carries of itself: of its data, of
// what it says it holds and of when that expires. It is keyed, so that who
// changes all of it together is found out as well, and cannot guess at a login
// by its digest.
func seal(key []byte, dataDigest, logins, expires string) string {
	return keyed(key, dataDigest, logins, expires)
}

// versionOf tells one content of a fixed login from another.
func versionOf(key []byte, username, password string) string {
	const enough = 16 // hex digits: 64 bits, and nobody profits from a collision
	return keyed(key, username, password)[:enough]
}

// keyed is a digest of parts, of which none can run into the next.
func keyed(key []byte, parts ...string) string {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		sum := sha256.Sum256([]byte(p))
		_, _ = mac.Write(sum[:]) // a hash takes everything
	}
	return hex.EncodeToString(mac.Sum(nil))
}
