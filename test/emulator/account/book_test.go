package account

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clock is a time that a test moves by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newBook(t *testing.T) (*Book, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	b, err := NewBook("100000000001", c.now)
	require.NoError(t, err)
	return b, c
}

// decode reads one part of a JWT.
func decode(t *testing.T, part string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(raw, &fields))
	return fields
}

func TestPullTokensHaveTheHeaderAndClaimsOfTheRealOnes(t *testing.T) {
	t.Parallel()
	b, c := newBook(t)
	temporary, err := b.IssueTemporary("100000000001", "100012345678")
	require.NoError(t, err)
	longTerm, err := b.IssueLongTerm("100000000001", "100012345678", "tcr-m3ut3qxx", "")
	require.NoError(t, err)
	issued := float64(c.at.Unix())

	for _, test := range []struct {
		token PullToken
		want  map[string]any
	}{
		{temporary, map[string]any{
			"ownerUin": "100000000001", "operatorUin": "100012345678", "iat": issued, "nbf": issued, "exp": issued + 3600,
		}},
		{longTerm, map[string]any{
			"ownerUin": "100000000001", "operatorUin": "100012345678", "iat": issued, "nbf": issued, "exp": issued + 315360000,
			"tokenId": longTerm.ID,
		}},
	} {
		parts := strings.Split(test.token.Token, ".")
		require.Len(t, parts, 3)
		header := decode(t, parts[0])
		assert.Equal(t, "RS256", header["alg"])
		assert.Regexp(t, `^([A-Z2-7]{4}:){11}[A-Z2-7]{4}$`, header["kid"])
		assert.Len(t, header, 2, "no typ")
		assert.Empty(t, cmp.Diff(test.want, decode(t, parts[1])), "-want +got")
	}
	assert.Empty(t, temporary.ID)
	assert.Len(t, longTerm.ID, 20)
}

func TestExpTimeIsNeverAWholeSecond(t *testing.T) {
	t.Parallel()
	b, c := newBook(t)
	for range 3 {
		token, err := b.IssueTemporary("1", "2")
		require.NoError(t, err)
		assert.NotZero(t, token.Expires.UnixMilli()%1000)
		c.at = c.at.Add(500 * time.Millisecond)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	const uin = "100012345678"
	tests := map[string]struct {
		then func(b *Book, c *clock, longTerm PullToken)
		user string
		// what logging in with the temporary and the long-term token gives
		temporary, longTerm error
	}{
		"both work":                      {user: uin},
		"another user":                   {user: "100000000009", temporary: ErrUser, longTerm: ErrUser},
		"an hour later":                  {user: uin, then: func(_ *Book, c *clock, _ PullToken) { c.at = c.at.Add(time.Hour) }, temporary: ErrExpired},
		"a second before that":           {user: uin, then: func(_ *Book, c *clock, _ PullToken) { c.at = c.at.Add(time.Hour - time.Second) }},
		"before it was issued":           {user: uin, then: func(_ *Book, c *clock, _ PullToken) { c.at = c.at.Add(-time.Second) }, temporary: ErrExpired, longTerm: ErrExpired},
		"ten years later":                {user: uin, then: func(_ *Book, c *clock, _ PullToken) { c.at = c.at.Add(LongTermLife) }, temporary: ErrExpired, longTerm: ErrExpired},
		"the account disabled":           {user: uin, then: func(b *Book, _ *clock, _ PullToken) { b.SetRevoked("AKID1", true) }, temporary: ErrRevoked, longTerm: ErrRevoked},
		"the account enabled again":      {user: uin, then: func(b *Book, _ *clock, _ PullToken) { b.SetRevoked("AKID1", true); b.SetRevoked("AKID1", false) }},
		"the long-term token disabled":   {user: uin, then: disable, longTerm: ErrRevoked},
		"the long-term token deleted":    {user: uin, then: remove, longTerm: ErrRevoked},
		"the identity's key replaced":    {user: uin, then: func(b *Book, _ *clock, _ PullToken) { b.Add(Identity{SecretID: "AKID1", UIN: uin}) }},
		"the identity's number replaced": {user: uin, then: func(b *Book, _ *clock, _ PullToken) { b.Add(Identity{SecretID: "AKID1", UIN: "1"}) }, temporary: ErrRevoked, longTerm: ErrRevoked},
		"one of the account's two revoked": {user: uin, then: func(b *Book, _ *clock, _ PullToken) {
			b.Add(Identity{SecretID: "AKID2", UIN: uin})
			b.SetRevoked("AKID1", true)
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, c := newBook(t)
			b.Add(Identity{SecretID: "AKID1", UIN: uin})
			temporary, err := b.IssueTemporary(b.Owner(), uin)
			require.NoError(t, err)
			longTerm, err := b.IssueLongTerm(b.Owner(), uin, "tcr-m3ut3qxx", "")
			require.NoError(t, err)
			if test.then != nil {
				test.then(b, c, longTerm)
			}
			assert.ErrorIs(t, b.Login(test.user, temporary.Token), test.temporary, "temporary token")
			assert.ErrorIs(t, b.Login(test.user, longTerm.Token), test.longTerm, "long-term token")
		})
	}
}

func disable(b *Book, _ *clock, longTerm PullToken) {
	if err := b.ChangeLongTerm("tcr-m3ut3qxx", longTerm.ID, func(t *LongTerm) { t.Enabled = false }); err != nil {
		panic(err)
	}
}

func remove(b *Book, _ *clock, longTerm PullToken) {
	if err := b.DeleteLongTerm("tcr-m3ut3qxx", longTerm.ID); err != nil {
		panic(err)
	}
}

func TestLoginRefusesWhatThisBookDidNotSign(t *testing.T) {
	t.Parallel()
	b, _ := newBook(t)
	b.Add(Identity{SecretID: "AKID1", UIN: "2"})
	mine, err := b.IssueTemporary("1", "2")
	require.NoError(t, err)
	foreign, _ := newBook(t)
	theirs, err := foreign.IssueTemporary("1", "2")
	require.NoError(t, err)
	parts := strings.Split(mine.Token, ".")
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"operatorUin":"2","exp":99999999999}`))
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))

	require.NoError(t, b.Login("2", mine.Token))
	for _, token := range []string{"", "x", theirs.Token, parts[0] + "." + claims + "." + parts[2], none + "." + claims + "."} {
		assert.ErrorIs(t, b.Login("2", token), ErrBadToken)
	}
}

func TestSessionsOfARole(t *testing.T) {
	t.Parallel()
	b, c := newBook(t)
	role := b.AddRole(Role{Name: "tcr-puller", UINs: []string{"200"}, Denied: []string{"tcr:Delete*"}})
	caller := Caller{UIN: "200", OwnerUIN: b.Owner()}
	s, err := b.AssumeRole(caller, role.ARN(), "test", time.Hour)
	require.NoError(t, err)

	got, key, err := b.Lookup(s.SecretID, s.Token)
	require.NoError(t, err)
	assert.Equal(t, s.SecretKey, key)
	assert.Equal(t, role.UIN, got.UIN)
	assert.True(t, got.Allows("tcr:CreateInstanceToken", demo))
	assert.False(t, got.Allows("tcr:DeleteInstanceToken", demo))

	_, _, err = b.Lookup(s.SecretID, "")
	require.ErrorIs(t, err, ErrSessionToken, "without its token")
	c.at = c.at.Add(time.Hour)
	_, _, err = b.Lookup(s.SecretID, s.Token)
	require.ErrorIs(t, err, ErrSessionToken, "after its life")

	_, err = b.AssumeRole(Caller{UIN: "201", OwnerUIN: b.Owner()}, role.ARN(), "test", time.Hour)
	require.ErrorIs(t, err, ErrUntrusted)
	_, err = b.AssumeRole(Caller{UIN: "200", OwnerUIN: "9"}, role.ARN(), "test", time.Hour)
	require.ErrorIs(t, err, ErrUntrusted, "another account")
	_, err = b.AssumeRole(caller, role.ARN()+"x", "test", time.Hour)
	require.ErrorIs(t, err, ErrNoRole)
}

func TestAnIdentityIsPrintedWithoutItsKey(t *testing.T) {
	t.Parallel()
	i := Identity{SecretID: "AKID1", SecretKey: "MARKER", UIN: "2"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		assert.NotContains(t, fmt.Sprintf(format, i), "MARKER", format)
		assert.NotContains(t, fmt.Sprintf(format, []Identity{i}), "MARKER", format)
	}
}
