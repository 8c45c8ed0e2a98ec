package tcr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tcr/v20190924"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// maxLife is the longest that a temporary token can claim to live. They live
// one hour; the most that any page of Tencent's says is a day.
const maxLife = 25 * time.Hour

const createToken = "CreateInstanceToken"

// Issue returns a new temporary token for the instance of key: one that ends by
// itself within the hour, and that nobody can end before. It implements
// token.Issuer; that the client is the identity of key's account is the
// caller's part.
func (c *Client) Issue(ctx context.Context, key registry.Key) (token.Token, error) {
	id := key.ID
	req := sdk.NewCreateInstanceTokenRequest()
	req.RegistryId = common.StringPtr(string(id))
	req.TokenType = common.StringPtr("temp")
	asked := time.Now().Round(0) // before the call: the life is then never overrated
	answer, err := call(ctx, c, createToken, id, func(ctx context.Context, client api) (*sdk.CreateInstanceTokenResponse, error) {
		return client.CreateInstanceTokenWithContext(ctx, req)
	})
	if err != nil {
		return token.Token{}, err
	}
	tok, err := tokenFrom(answer, asked)
	if err != nil {
		return token.Token{}, fmt.Errorf("%s for %s: %w", createToken, id, err)
	}
	return tok, nil
}

// tokenFrom reads a token from an answer, in which any field can be missing.
func tokenFrom(answer *sdk.CreateInstanceTokenResponse, asked time.Time) (token.Token, error) {
	if answer == nil || answer.Response == nil {
		return token.Token{}, errors.New("the answer is empty")
	}
	r := answer.Response
	username, password := value(r.Username), value(r.Token)
	switch {
	case username == "" || password == "":
		return token.Token{}, errors.New("the answer lacks a username or a token")
	case strings.ContainsRune(username, ':') || strings.ContainsFunc(username, unprintable) || strings.ContainsFunc(password, unprintable):
		return token.Token{}, errors.New("the answer has a username or a token that is fit for no login")
	case r.ExpTime == nil:
		return token.Token{}, errors.New("the answer lacks an expiry")
	}
	// ExpTime is documented as "a timestamp, no unit". It is milliseconds.
	expires := time.UnixMilli(*r.ExpTime)
	switch life := expires.Sub(asked); {
	case life <= 0:
		return token.Token{}, fmt.Errorf("the answer has a token that expired at %s; our clock says %s", stamp(expires), stamp(asked))
	case life > maxLife:
		return token.Token{}, fmt.Errorf("the answer has a token that expires at %s, and temporary ones live an hour; our clock says %s", stamp(expires), stamp(asked))
	}
	return token.Token{Username: username, Password: token.Secret(password), IssuedAt: asked, ExpiresAt: expires}, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// value is the string that p points to, or "".
func value(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
