package pullsecret

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

func TestEncode(t *testing.T) {
	t.Parallel()
	a := Login{Hosts: []registry.Host{"demo.tencentcloudcr.com", "demo-vpc.tencentcloudcr.com"}, Username: "100012345678", Password: "eyJ.a.b"}
	b := Login{Hosts: []registry.Host{"open.tencentcloudcr.com"}, Username: "tcr$robot", Password: `p"<w`}
	got, err := Encode([]Login{a, b})
	require.NoError(t, err)
	assert.JSONEq(t, `{"auths":{
		"demo-vpc.tencentcloudcr.com":{"username":"100012345678","password":"eyJ.a.b","auth":"MTAwMDEyMzQ1Njc4OmV5Si5hLmI="},
		"demo.tencentcloudcr.com":{"username":"100012345678","password":"eyJ.a.b","auth":"MTAwMDEyMzQ1Njc4OmV5Si5hLmI="},
		"open.tencentcloudcr.com":{"username":"tcr$robot","password":"p\"<w","auth":"dGNyJHJvYm90OnAiPHc="}}}`, string(got))

	again, err := Encode([]Login{b, a})
	require.NoError(t, err)
	assert.Equal(t, string(got), string(again), "the order of logins changed the bytes")
	assert.Equal(t, Digest(got), Digest(again))
	assert.Equal(t, []registry.Host{"demo-vpc.tencentcloudcr.com", "demo.tencentcloudcr.com", "open.tencentcloudcr.com"}, Hosts(got))
}

func TestEncodeRefusesNothing(t *testing.T) {
	t.Parallel()
	for _, none := range [][]Login{nil, {{Username: "u", Password: "p"}}} {
		_, err := Encode(none)
		require.ErrorIs(t, err, ErrNoLogin)
	}
}

func TestNothingPrintsAPassword(t *testing.T) {
	t.Parallel()
	const marker = "marker-5c1f"
	l := Login{Hosts: []registry.Host{"h.example.com"}, Username: "u", Password: marker}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.NotContains(t, fmt.Sprintf(verb, l), marker, verb)
		assert.NotContains(t, fmt.Sprintf(verb, []Login{l}), marker, verb)
	}
	_, err := Decode([]byte(`{"auths":{"h":"` + marker + `"}}`))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), marker)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"auths":{"demo.tencentcloudcr.com":{"username":"u","password":"p","auth":"dTpw"}}}`))
	f.Add([]byte(`{"auths":{"h":{"auth":"dTpw"}}}`))
	f.Add([]byte(`{"auths":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		logins, err := Decode(data)
		if err != nil || len(logins) == 0 || !json.Valid(data) {
			return
		}
		list := make([]Login, 0, len(logins))
		for _, l := range logins {
			list = append(list, l)
		}
		encoded, err := Encode(list)
		require.NoError(t, err)
		again, err := Decode(encoded)
		require.NoError(t, err)
		if diff := cmp.Diff(logins, again); diff != "" {
			t.Errorf("logins changed (-want +got):\n%s", diff)
		}
	})
}
