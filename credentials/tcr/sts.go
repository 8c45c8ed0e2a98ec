package tcr

import (
	"context"
	"fmt"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	stssdk "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sts/v20180813"

	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

const (
	// sessionName tells our sessions from others in the cloud's audit.
	sessionName = "tcr-webhook"
	// sessionSeconds is STS's default, which a role allows if its owner has
	// not changed that. A longer session would outlive more of the trust.
	sessionSeconds = 7200

	assumeRoleAction  = "AssumeRole"
	webIdentityAction = "AssumeRoleWithWebIdentity"
)

// sts calls the Security Token Service.
type sts struct{ wire }

// client is a client of the SDK for one call; nil signs nothing.
func (s *sts) client(region string, creds common.CredentialIface) (*stssdk.Client, error) {
	client, err := stssdk.NewClient(creds, region, s.profile())
	if err != nil {
		return nil, errSettings
	}
	client.WithHttpTransport(s.transport)
	return client, nil
}

// assume makes a session of r for whoever creds belong to.
func (s *sts) assume(ctx context.Context, region string, creds Credentials, r role, read interpreter) (temporary, error) {
	client, err := s.client(region, creds.sdk())
	if err != nil {
		return temporary{}, err
	}
	req := stssdk.NewAssumeRoleRequest()
	req.RoleArn = common.StringPtr(string(r))
	req.RoleSessionName = common.StringPtr(sessionName)
	req.DurationSeconds = common.Uint64Ptr(sessionSeconds)
	asked := time.Now().Round(0)
	answer, err := send(ctx, &s.wire, assumeRoleAction, "role "+r.name(), read, func(ctx context.Context) (*stssdk.AssumeRoleResponse, error) {
		return client.AssumeRoleWithContext(ctx, req)
	})
	if err != nil {
		return temporary{}, err
	}
	if answer == nil || answer.Response == nil || answer.Response.Credentials == nil || answer.Response.ExpiredTime == nil {
		return temporary{}, errEmpty(assumeRoleAction, r)
	}
	return fromAnswer(answer.Response.Credentials, *answer.Response.ExpiredTime, asked), nil
}

// webIdentity is what a pod proves itself with.
type webIdentity struct {
	region   string
	provider string
	token    token.Secret
	role     role
}

// assumeWithWebIdentity makes a session of a role for the bearer of a token of
// the cluster. The call is not signed.
func (s *sts) assumeWithWebIdentity(ctx context.Context, w webIdentity, read interpreter) (temporary, error) {
	client, err := s.client(w.region, nil)
	if err != nil {
		return temporary{}, err
	}
	req := stssdk.NewAssumeRoleWithWebIdentityRequest()
	req.ProviderId = common.StringPtr(w.provider)
	req.WebIdentityToken = common.StringPtr(w.token.Reveal())
	req.RoleArn = common.StringPtr(string(w.role))
	req.RoleSessionName = common.StringPtr(sessionName)
	req.DurationSeconds = common.Int64Ptr(sessionSeconds)
	asked := time.Now().Round(0)
	answer, err := send(ctx, &s.wire, webIdentityAction, "role "+w.role.name(), read, func(ctx context.Context) (*stssdk.AssumeRoleWithWebIdentityResponse, error) {
		return client.AssumeRoleWithWebIdentityWithContext(ctx, req)
	})
	if err != nil {
		return temporary{}, err
	}
	if answer == nil || answer.Response == nil || answer.Response.Credentials == nil || answer.Response.ExpiredTime == nil {
		return temporary{}, errEmpty(webIdentityAction, w.role)
	}
	return fromAnswer(answer.Response.Credentials, int64(*answer.Response.ExpiredTime), asked), nil
}

func errEmpty(action string, r role) error {
	return fmt.Errorf("%s for role %s: the answer lacks credentials or their expiry", action, r.name())
}

// fromAnswer reads credentials, of which any part can be missing.
func fromAnswer(c *stssdk.Credentials, expires int64, asked time.Time) temporary {
	return temporary{
		Credentials: Credentials{
			SecretID:     token.Secret(value(c.TmpSecretId)),
			SecretKey:    token.Secret(value(c.TmpSecretKey)),
			SessionToken: token.Secret(value(c.Token)),
		},
		asked: asked, expires: time.Unix(expires, 0),
	}
}

// interpretSTS is the interpreter of what both AssumeRole actions answer about
// a role; trust says what is missing where the role does not trust the caller.
func interpretSTS(code string, r role, trust string) (meaning string, class error) {
	switch code {
	case "AuthFailure.UnauthorizedOperation":
		return trust, token.ErrDenied
	case "ResourceNotFound.RoleNotFound":
		return "there is no role " + string(r) + "; create it, or correct its name", token.ErrDenied
	case "InternalError.GetRoleError", "InternalError.IllegalRole":
		return "STS says this of roles that do not exist, too; check " + string(r), token.ErrUnclear
	case "InvalidParameter.OverTimeError":
		return "the role allows sessions of less than two hours; raise its longest session to that", token.ErrBadRequest
	case "FailedOperation.TempKeyNotAllowed":
		return "the role is not to be assumed by another role; let a SecretKey assume it", token.ErrDenied
	}
	if within(code, "UnauthorizedOperation") {
		return trust, token.ErrDenied
	}
	return interpretCommon(code)
}
