package token_test

import (
	"bytes"
	"encoding"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

const marker = "MARKER-eyJhbGciOiJSUzI1NiJ9"

// holder has a Secret in every kind of place that a printer looks into.
type holder struct {
	Token   token.Token
	Pointer *token.Secret
	List    []token.Secret
	Map     map[string]token.Secret
	Any     any
}

func newHolder() holder {
	s := token.Secret(marker)
	return holder{
		Token:   token.Token{Username: "u", Password: s, ExpiresAt: time.Unix(1, 0)},
		Pointer: &s,
		List:    []token.Secret{s},
		Map:     map[string]token.Secret{"k": s},
		Any:     s,
	}
}

func TestSecretIsRevealedOnlyOnDemand(t *testing.T) {
	t.Parallel()
	assert.Equal(t, marker, token.Secret(marker).Reveal())
}

// Printers pick one method and ignore the rest, so each has to be there.
func TestSecretRedactsItselfByEveryMethodThatPrintersAskFor(t *testing.T) {
	t.Parallel()
	var s any = token.Secret(marker)
	asText, err := s.(encoding.TextMarshaler).MarshalText()
	require.NoError(t, err)
	asJSON, err := s.(json.Marshaler).MarshalJSON()
	require.NoError(t, err)
	for _, out := range []string{
		s.(fmt.Stringer).String(), s.(fmt.GoStringer).GoString(), s.(slog.LogValuer).LogValue().String(), string(asText),
	} {
		assert.Equal(t, "[redacted]", out)
	}
	assert.Equal(t, `"[redacted]"`, string(asJSON))
}

func TestSecretIsNotFormatted(t *testing.T) {
	t.Parallel()
	hexMarker := fmt.Sprintf("%x", marker)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "% x", "%10.3s", "%t"} {
		for name, value := range map[string]any{
			"secret": token.Secret(marker), "struct": newHolder(), "pointer": &holder{Token: newHolder().Token},
		} {
			out := fmt.Sprintf(verb, value)
			assert.NotContains(t, out, marker, "%s of a %s", verb, name)
			assert.NotContains(t, out, hexMarker, "%s of a %s", verb, name)
			assert.Contains(t, out, "[redacted]", "%s of a %s", verb, name)
		}
	}
	assert.NotContains(t, errors.Join(fmt.Errorf("with %v", newHolder())).Error(), marker)
}

func TestSecretIsNotMarshalled(t *testing.T) {
	t.Parallel()
	for name, marshal := range map[string]func(any) ([]byte, error){
		"json": json.Marshal,
		"yaml": func(v any) ([]byte, error) { return yaml.Marshal(v) },
		"xml":  func(v any) ([]byte, error) { return xml.Marshal(v.(holder).Token) },
	} {
		out, err := marshal(newHolder())
		require.NoError(t, err, name)
		assert.NotContains(t, string(out), marker, name)
		assert.Contains(t, string(out), "[redacted]", name)
	}
}

func TestSecretIsNotLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	level := &slog.HandlerOptions{Level: slog.LevelDebug}
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, level), slog.NewTextHandler(&out, level)} {
		log := slog.New(handler)
		log.Info("as is", "secret", token.Secret(marker), "holder", newHolder())
		log.With("secret", token.Secret(marker)).WithGroup("g").Info("grouped", slog.Any("token", newHolder().Token))
		logr.FromSlogHandler(handler).Info("by logr", "secret", token.Secret(marker), "holder", newHolder())
	}
	plain := funcr.New(func(prefix, args string) { out.WriteString(prefix + args) }, funcr.Options{})
	plain.Info("by funcr", "secret", token.Secret(marker), "holder", newHolder())

	assert.NotContains(t, out.String(), marker)
	assert.GreaterOrEqual(t, bytes.Count(out.Bytes(), []byte("[redacted]")), 9)
}
