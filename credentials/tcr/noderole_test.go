package tcr

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

const goodNode = `{"TmpSecretId":"AKIDnode","TmpSecretKey":"key","Token":"` + marker + `","ExpiredTime":1795445485,"Expiration":"2026-11-23T14:51:25Z","Code":"Success"}`

func TestTheCredentialsOfANodeAreRead(t *testing.T) {
	t.Parallel()
	asked := time.Unix(1795445485, 0).Add(-time.Hour)
	got, err := nodeRoleFrom([]byte(goodNode), asked)
	require.NoError(t, err)
	want := temporary{Credentials{"AKIDnode", "key", marker}, asked, time.Unix(1795445485, 0)}
	assert.Equal(t, want, got)
	assert.Equal(t, marker, got.SessionToken.Reveal())
	require.NoError(t, got.flaw(asked))
}

func TestTheCredentialsOfANodeAreDistrusted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer, want string
		class        error
	}{
		"a refusal":          {strings.Replace(goodNode, "Success", "NoPermission", 1), `the metadata server has no credentials of it (code "NoPermission"); check that CVM may assume the role`, token.ErrDenied},
		"no code":            {strings.Replace(goodNode, "Code", "Cod", 1), `(code "")`, token.ErrDenied},
		"a token for a code": {strings.Replace(goodNode, "Success", marker, 1), `(code "")`, token.ErrDenied},
		"a page":             {"<html>" + marker, "cannot be read", nil},
		"a list":             {"[" + goodNode + "]", "cannot be read", nil},
		"a number for a key": {strings.Replace(goodNode, `"key"`, "1", 1), "cannot be read", nil},
		"a text for a time":  {strings.Replace(goodNode, "1795445485", `"1795445485"`, 1), "cannot be read", nil},
		"nothing":            {"", "cannot be read", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := nodeRoleFrom([]byte(tt.answer), time.Now())
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "MARKER")
			assert.Zero(t, got)
			if tt.class != nil {
				assert.ErrorIs(t, err, tt.class)
			}
		})
	}
	for _, lacking := range []string{"TmpSecretId", "TmpSecretKey", "Token", "ExpiredTime"} {
		got, err := nodeRoleFrom([]byte(strings.Replace(goodNode, lacking, "Other", 1)), time.Now())
		require.NoError(t, err)
		assert.Error(t, got.flaw(time.Now()), "without %s", lacking)
	}
}

// Whatever the metadata server says, what comes of it is fit for a header and
// no error quotes it.
func FuzzNodeRole(f *testing.F) {
	for _, seed := range []string{goodNode, `{"Code":"Success"}`, `{"Code":"x"}`, `null`, `{"Token":"a\nb","Code":"Success"}`, ""} {
		f.Add([]byte(seed))
	}
	now := time.Unix(1795445485, 0).Add(-time.Hour)
	f.Fuzz(func(t *testing.T, answer []byte) {
		got, err := nodeRoleFrom(answer, now)
		if err != nil {
			require.Less(t, len(err.Error()), 300)
			return
		}
		if got.flaw(now) != nil {
			return
		}
		for _, part := range []token.Secret{got.SecretID, got.SecretKey, got.SessionToken} {
			require.NotEmpty(t, part.Reveal())
			require.False(t, strings.ContainsFunc(part.Reveal(), unprintable))
		}
		require.True(t, now.Before(got.expires))
	})
}

func TestRolesAreParsed(t *testing.T) {
	t.Parallel()
	for arn, name := range map[string]string{
		"qcs::cam::uin/12345678:role/4611686018427397919":                             "4611686018427397919",
		"qcs::cam::uin/12345678:roleName/testRoleName":                                "testRoleName",
		"qcs::cam::uin/12345678:role/tencentcloudServiceRole/4611686018427397920":     "4611686018427397920",
		"qcs::cam::uin/12345678:role/tencentcloudServiceRoleName/testServiceRoleName": "testServiceRoleName",
		"qcs::cam::uin/12345678:user/x":                                               "",
		"qcs::cam::uin/x:roleName/x":                                                  "",
		"roleName/x":                                                                  "",
		"qcs::cam::uin/12345678:roleName/x y":                                         "",
		"qcs::cam::uin/12345678:roleName/x\n":                                         "",
		"qcs::cam::uin/12345678:roleName/":                                            "",
		"qcs::cam::uin/12345678:roleName/" + strings.Repeat("x", 200):                 "",
		"": "",
	} {
		got, err := parseRole(arn)
		if name == "" {
			assert.Error(t, err, arn)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, name, got.name())
	}
}
