package tc3

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Algorithm is the only signature method the emulator knows.
const Algorithm = "TC3-HMAC-SHA256"

// signedHeaders is what the SDK signs; the real service accepts more headers,
// but these two are mandatory.
const signedHeaders = "content-type;host"

// ErrMalformed tells that an Authorization header is not of the form
// "TC3-HMAC-SHA256 Credential=ID/DATE/SERVICE/tc3_request, SignedHeaders=..., Signature=HEX".
var ErrMalformed = errors.New("malformed Authorization header")

var (
	datePattern      = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	servicePattern   = regexp.MustCompile(`^[a-z0-9]+$`)
	secretIDPattern  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,1000}$`)
	signaturePattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Authorization is a parsed Authorization header.
type Authorization struct {
	SecretID  string // whose key signed the request
	Date      string // UTC day of the timestamp, YYYY-MM-DD
	Service   string // "tcr", "sts"
	Signature string // 64 lower-case hex digits
}

// Parse reads an Authorization header. Its errors wrap ErrMalformed and never
// quote the header.
func Parse(header string) (Authorization, error) {
	rest, ok := strings.CutPrefix(header, Algorithm+" ")
	if !ok {
		return Authorization{}, fmt.Errorf("%w: want %s", ErrMalformed, Algorithm)
	}
	fields, err := parseFields(rest)
	if err != nil {
		return Authorization{}, err
	}
	if fields["SignedHeaders"] != signedHeaders {
		return Authorization{}, fmt.Errorf("%w: SignedHeaders is not %q", ErrMalformed, signedHeaders)
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 4 || scope[3] != "tc3_request" {
		return Authorization{}, fmt.Errorf("%w: Credential is not ID/DATE/SERVICE/tc3_request", ErrMalformed)
	}
	a := Authorization{SecretID: scope[0], Date: scope[1], Service: scope[2], Signature: fields["Signature"]}
	return a, a.check()
}

// parseFields reads "Key=value, Key=value", each key once and no other key.
func parseFields(list string) (map[string]string, error) {
	fields := map[string]string{"Credential": "", "SignedHeaders": "", "Signature": ""}
	parts := strings.Split(list, ",")
	if len(parts) != len(fields) {
		return nil, fmt.Errorf("%w: want Credential, SignedHeaders and Signature", ErrMalformed)
	}
	for _, part := range parts {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if old, known := fields[key]; !known || old != "" || value == "" {
			return nil, fmt.Errorf("%w: want Credential, SignedHeaders and Signature once each", ErrMalformed)
		}
		fields[key] = value
	}
	return fields, nil
}

func (a Authorization) check() error {
	switch {
	case !secretIDPattern.MatchString(a.SecretID):
		return fmt.Errorf("%w: bad SecretId", ErrMalformed)
	case !datePattern.MatchString(a.Date):
		return fmt.Errorf("%w: bad date", ErrMalformed)
	case !servicePattern.MatchString(a.Service):
		return fmt.Errorf("%w: bad service", ErrMalformed)
	case !signaturePattern.MatchString(a.Signature):
		return fmt.Errorf("%w: bad signature", ErrMalformed)
	}
	return nil
}

// String writes the header that Parse reads.
func (a Authorization) String() string {
	return fmt.Sprintf("%s Credential=%s/%s/%s/tc3_request, SignedHeaders=%s, Signature=%s",
		Algorithm, a.SecretID, a.Date, a.Service, signedHeaders, a.Signature)
}
