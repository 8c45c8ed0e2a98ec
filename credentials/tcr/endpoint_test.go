package tcr

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseEndpoint(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		address, root string
		want          endpoint
		err           string
	}{
		"Tencent's own":             {want: endpoint{scheme: "HTTPS"}},
		"under another domain":      {root: "internal.tencentcloudapi.com", want: endpoint{scheme: "HTTPS", rootDomain: "internal.tencentcloudapi.com"}},
		"a gateway":                 {address: "https://tcr.example.com", want: endpoint{scheme: "HTTPS", host: "tcr.example.com"}},
		"a gateway with a port":     {address: "https://tcr.example.com:8443/", want: endpoint{scheme: "HTTPS", host: "tcr.example.com:8443"}},
		"an emulator":               {address: "http://127.0.0.1:1234", want: endpoint{scheme: "HTTP", host: "127.0.0.1:1234"}},
		"an emulator over IPv6":     {address: "http://[::1]:1234", want: endpoint{scheme: "HTTP", host: "[::1]:1234"}},
		"an emulator by name":       {address: "http://localhost:1234", want: endpoint{scheme: "HTTP", host: "localhost:1234"}},
		"clear text elsewhere":      {address: "http://10.0.0.1:1234", err: "would carry tokens in clear text"},
		"clear text to a lookalike": {address: "http://localhost.example.com", err: "would carry tokens in clear text"},
		"clear text by user trick":  {address: "http://127.0.0.1@evil.example.com", err: "is not the URL of a host"},
		"both":                      {address: "https://a.example.com", root: "b.example.com", err: "exclude each other"},
		"no scheme":                 {address: "tcr.example.com", err: "is not the URL of a host"},
		"no host":                   {address: "https://", err: "is not the URL of a host"},
		"a path":                    {address: "https://tcr.example.com/api", err: "is not the URL of a host"},
		"a query":                   {address: "https://tcr.example.com?x=1", err: "is not the URL of a host"},
		"another scheme":            {address: "ftp://tcr.example.com", err: "neither http nor https"},
		"no URL at all":             {address: "https://%zz", err: "is not the URL of a host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseEndpoint(tc.address, tc.root)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}
