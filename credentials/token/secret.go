package token

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a string that is not shown by accident: it formats, marshals and
// logs as "[redacted]". Keep it in exported fields, since fmt reads unexported
// ones without asking their methods, and out of map keys, which encoding/json
// treats alike.
type Secret string

// Reveal returns the string itself. It is the only way out.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return redacted }

// Format implements fmt.Formatter, for every verb: %q, %x and %s alike.
func (Secret) Format(f fmt.State, _ rune) {
	// A printer has nobody to report a failed write to.
	_, _ = io.WriteString(f, redacted)
}

// MarshalJSON implements json.Marshaler.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText implements encoding.TextMarshaler, which slog's text handler
// and encoding/xml go by.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
