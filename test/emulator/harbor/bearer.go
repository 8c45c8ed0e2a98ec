package harbor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/distribution/distribution/v3/registry/auth/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Harbor's names and numbers.
const (
	tokenPath = "/service/token"
	service   = "harbor-registry"
	issuer    = "harbor-token-issuer"

	bearerLife = 30 * time.Minute
)

// tokens makes the bearer tokens that distribution checks.
type tokens struct {
	keys   jose.JSONWebKeySet
	signer jose.Signer
}

func newTokens() (*tokens, error) {
	const keyID = "emulator"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make bearer token key: %w", err)
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: keyID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("make bearer token signer: %w", err)
	}
	public := jose.JSONWebKey{Key: key.Public(), KeyID: keyID, Algorithm: string(jose.ES256), Use: "sig"}
	return &tokens{keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public}}, signer: signer}, nil
}

// keyFile writes the public key to a temporary file, the only way into
// distribution. The caller removes it.
func (t *tokens) keyFile() (string, error) {
	raw, err := json.Marshal(t.keys)
	if err != nil {
		return "", fmt.Errorf("encode bearer token key: %w", err)
	}
	file, err := os.CreateTemp("", "emulator-jwks-*.json")
	if err != nil {
		return "", fmt.Errorf("write bearer token key: %w", err)
	}
	_, err = file.Write(raw)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("write bearer token key: %w", err), os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// issue makes a bearer token that grants access to user.
func (t *tokens) issue(user string, access []*token.ResourceActions) (string, error) {
	now := time.Now() // the clock distribution goes by
	raw, err := jwt.Signed(t.signer).Claims(token.ClaimSet{
		Issuer: issuer, Subject: user, Audience: []string{service},
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expiration: now.Add(bearerLife).Unix(),
		JWTID: rand.Text(), Access: access,
	}).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign bearer token: %w", err)
	}
	return raw, nil
}

// Bearer makes a token that may pull and push one repository, for the
// emulator's own pushes.
func (r *Registry) Bearer(repository string) (string, error) {
	return r.tokens.issue("emulator", []*token.ResourceActions{
		{Type: "repository", Name: repository, Actions: []string{"pull", "push"}},
	})
}
