package harbor

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// claimsOf reads the claims out of a token service's answer.
func claimsOf(t *testing.T, body string) string {
	t.Helper()
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
		IssuedAt    string `json:"issued_at"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	assert.Equal(t, answer.Token, answer.AccessToken)
	assert.Equal(t, 1800, answer.ExpiresIn)
	assert.NotEmpty(t, answer.IssuedAt)
	parts := strings.Split(answer.Token, ".")
	require.Len(t, parts, 3)
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	return string(claims)
}
