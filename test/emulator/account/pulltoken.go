package account

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// LongTermLife is the life of a long-term token: 87 600 hours, the
// TokenValidTime that DescribeInstances reports.
const LongTermLife = 87600 * time.Hour

// claims are exactly what TCR's tokens carry: no instance, no audience, no
// scope. Which rights a token has is decided at the pull.
type claims struct {
	OwnerUIN    string `json:"ownerUin"`
	OperatorUIN string `json:"operatorUin"`
	Expires     int64  `json:"exp"`
	NotBefore   int64  `json:"nbf"`
	IssuedAt    int64  `json:"iat"`
	TokenID     string `json:"tokenId,omitempty"` // long-term tokens only
}

// PullToken is what CreateInstanceToken answers.
type PullToken struct {
	Username string
	Token    string    // a JWT
	Expires  time.Time // with milliseconds: up to a second after the JWT's own exp
	ID       string    // empty for a temporary token
}

// signer makes and checks the JWTs of one Book.
type signer struct {
	public *rsa.PublicKey
	jws    jose.Signer
}

func newSigner() (*signer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048) // as the real tokens: a signature of 342 characters
	if err != nil {
		return nil, fmt.Errorf("make token key: %w", err)
	}
	id, err := keyID(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	jws, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.RS256,
		Key:       jose.JSONWebKey{Key: key, KeyID: id},
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("make token signer: %w", err)
	}
	return &signer{public: &key.PublicKey, jws: jws}, nil
}

// keyID is libtrust's fingerprint, XDMY:TUVL:...: twelve groups of four over
// the first 240 bits of the hash of the public key.
func keyID(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("encode token key: %w", err)
	}
	sum := sha256.Sum256(der)
	letters := base32.StdEncoding.EncodeToString(sum[:30])
	var groups []string
	for ; len(letters) > 0; letters = letters[4:] {
		groups = append(groups, letters[:4])
	}
	return strings.Join(groups, ":"), nil
}

func (s *signer) sign(c claims) (string, error) {
	return jwt.Signed(s.jws).Claims(c).Serialize()
}

// Reasons to refuse a pull token.
var (
	ErrBadToken = errors.New("not a token of this service")
	ErrExpired  = errors.New("token expired")
	ErrRevoked  = errors.New("token, or the account it belongs to, is disabled")
	ErrUser     = errors.New("token belongs to another user")
)

func (s *signer) verify(raw string, now time.Time) (claims, error) {
	var c claims
	parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return c, ErrBadToken
	}
	if err := parsed.Claims(s.public, &c); err != nil {
		return claims{}, ErrBadToken
	}
	if unix := now.Unix(); unix < c.NotBefore || unix >= c.Expires {
		return claims{}, ErrExpired
	}
	return c, nil
}
