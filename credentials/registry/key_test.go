package registry_test

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/go-logr/logr"
	"github.com/stretchr/testify/assert"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

func TestAnAccountTellsFixedLoginsFromIssuedOnes(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		account registry.Account
		secret  string
		fixed   bool
		key     string
	}{
		"the only one":   {"", "", false, "personal"},
		"a fingerprint":  {"0a1b2c3d", "", false, "personal/0a1b2c3d"},
		"a Secret":       {registry.SecretAccount("ccr-login"), "ccr-login", true, "personal/secret/ccr-login"},
		"a dotted name":  {registry.SecretAccount("ccr.login"), "ccr.login", true, "personal/secret/ccr.login"},
		"its own prefix": {registry.SecretAccount("secret"), "secret", true, "personal/secret/secret"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret, fixed := tt.account.Secret()
			assert.Equal(t, tt.fixed, fixed)
			if fixed {
				assert.Equal(t, tt.secret, secret)
			}
			key := registry.Key{ID: "personal", Account: tt.account}
			assert.Equal(t, tt.key, key.String())
			var log bytes.Buffer
			logr.FromSlogHandler(slog.NewJSONHandler(&log, nil)).Info("x", "instance", key)
			assert.Contains(t, log.String(), `"instance":"`+tt.key+`"`)
		})
	}
}
