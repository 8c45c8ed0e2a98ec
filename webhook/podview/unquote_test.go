package podview

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

func FuzzUnquotedLen(f *testing.F) {
	for _, s := range []string{`""`, `"plain"`, `"\n\\\"\/"`, `"\u0041\u00e9\u20ac"`, `"\ud83d\ude00x"`, `"é€😀"`, `"\ud83d"`, `"\ude00\ud83d"`, `"\`, `"\u12`, `"a\u0000b"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, quoted []byte) {
		v := jsontext.Value(quoted)
		if len(quoted) < 2 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' || !v.IsValid() {
			return
		}
		text, err := jsontext.AppendUnquote(nil, quoted)
		require.NoError(t, err)
		require.Equal(t, len(text), unquotedLen(quoted))
	})
}
