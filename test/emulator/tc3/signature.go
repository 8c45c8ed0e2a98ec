package tc3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Request is the signed part of a request. Action, version, region and
// session token are not signed: the real service trusts those headers too.
type Request struct {
	Method      string
	Query       string // as sent, without "?"
	ContentType string // as sent
	Host        string // as sent, with its port
	Timestamp   int64  // X-TC-Timestamp, Unix seconds
	Body        []byte
}

// Valid reports whether a is the signature that secretKey makes of r.
func (a Authorization) Valid(r Request, secretKey string) bool {
	if a.Date != time.Unix(r.Timestamp, 0).UTC().Format(time.DateOnly) {
		return false
	}
	return hmac.Equal([]byte(a.Signature), []byte(sign(r, a.Date, a.Service, secretKey)))
}

func sign(r Request, date, service, secretKey string) string {
	canonical := strings.Join([]string{
		r.Method,
		"/", // whatever the path
		r.Query,
		"content-type:" + r.ContentType,
		"host:" + r.Host,
		"",
		signedHeaders,
		hashHex(r.Body),
	}, "\n")
	toSign := strings.Join([]string{
		Algorithm,
		strconv.FormatInt(r.Timestamp, 10),
		date + "/" + service + "/tc3_request",
		hashHex([]byte(canonical)),
	}, "\n")
	key := mac(mac(mac([]byte("TC3"+secretKey), date), service), "tc3_request")
	return hex.EncodeToString(mac(key, toSign))
}

func hashHex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}
