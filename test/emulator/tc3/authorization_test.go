package tc3

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var good = Authorization{
	SecretID: "AKIDexample", Date: "2026-11-23", Service: "tcr", Signature: strings.Repeat("0a", 32),
}

func TestParse(t *testing.T) {
	t.Parallel()
	header := good.String()
	tests := map[string]struct {
		header string
		ok     bool
	}{
		"what the SDK sends":           {header, true},
		"fields in another order":      {Algorithm + " Signature=" + good.Signature + ", SignedHeaders=content-type;host, Credential=AKIDexample/2026-11-23/tcr/tc3_request", true},
		"no blanks between the fields": {strings.ReplaceAll(header, ", ", ","), true},
		"nothing":                      {"", false},
		"the old method":               {strings.Replace(header, Algorithm, "HmacSHA256", 1), false},
		"no fields":                    {Algorithm + " ", false},
		"a field missing":              {header[:strings.LastIndex(header, ",")], false},
		"a field twice":                {strings.Replace(header, "SignedHeaders=content-type;host", "Signature="+good.Signature, 1), false},
		"a field more":                 {header + ", Extra=1", false},
		"an unknown field":             {strings.Replace(header, "Signature=", "Signed=", 1), false},
		"an empty SecretId":            {strings.Replace(header, "AKIDexample", "", 1), false},
		"a scope of three parts":       {strings.Replace(header, "/tc3_request", "", 1), false},
		"a scope of five parts":        {strings.Replace(header, "/tcr/", "/tcr/x/", 1), false},
		"another end of the scope":     {strings.Replace(header, "tc3_request", "tc4_request", 1), false},
		"a date that is none":          {strings.Replace(header, "2026-11-23", "23.11.2026", 1), false},
		"other signed headers":         {strings.Replace(header, "content-type;host", "host", 1), false},
		"an upper-case signature":      {strings.ReplaceAll(header, "0a", "0A"), false},
		"a short signature":            {header[:len(header)-1], false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(test.header)
			if !test.ok {
				require.ErrorIs(t, err, ErrMalformed)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, good, got)
		})
	}
}

func TestParseErrorsNeverQuoteTheHeader(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"MARKER", Algorithm + " MARKER", Algorithm + " Credential=MARKER, SignedHeaders=MARKER, Signature=MARKER"} {
		_, err := Parse(header)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "MARKER")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good.String())
	f.Add(Algorithm + " Credential=a/2026-11-23/tcr/tc3_request, SignedHeaders=content-type;host, Signature=")
	f.Add("SKIP")
	f.Fuzz(func(t *testing.T, header string) {
		a, err := Parse(header)
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		again, err := Parse(a.String())
		require.NoError(t, err)
		assert.Equal(t, a, again)
	})
}
