package sts

import (
	"errors"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/account"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencentcloud"
)

// API is the state the actions work on.
type API struct {
	Book *account.Book
}

// rate is Tencent Cloud's default of requests a second.
const rate = 20

// Service is the API for the gateway.
func (a *API) Service() tencentcloud.Service {
	return tencentcloud.Service{Name: "sts", Version: "2018-08-13", Global: true, Actions: map[string]tencentcloud.Action{
		"GetCallerIdentity":         {Rate: rate, Run: a.callerIdentity},
		"AssumeRole":                {Rate: rate, Run: a.assumeRole},
		"AssumeRoleWithWebIdentity": {Rate: rate, Run: a.assumeRoleWithWebIdentity, Unsigned: true},
	}}
}

func (a *API) callerIdentity(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct{}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	c := r.Caller
	if c.Role != nil {
		return tencentcloud.Fields{
			"Type": "CAMRole", "AccountId": c.OwnerUIN, "PrincipalId": c.Creator,
			"UserId": c.RoleID() + ":" + c.Session,
			"Arn":    "qcs::sts::" + c.OwnerUIN + ":assumed-role/" + c.RoleID(),
		}, nil
	}
	kind := "CAMUser"
	if c.UIN == c.OwnerUIN {
		kind = "RootAccount"
	}
	return tencentcloud.Fields{
		"Type": kind, "AccountId": c.OwnerUIN, "PrincipalId": c.UIN, "UserId": c.UIN,
		"Arn": "qcs::cam::uin/" + c.OwnerUIN + ":uin/" + c.UIN,
	}, nil
}

// Limits of DurationSeconds.
const (
	defaultDuration = 7200
	maxDuration     = 43200
)

// session is what both AssumeRole actions ask for.
type session struct {
	RoleArn         string
	RoleSessionName string
	DurationSeconds int64
}

func (s session) check() error {
	switch {
	case s.RoleArn == "":
		return tencentcloud.Missing("RoleArn")
	case s.RoleSessionName == "":
		return tencentcloud.Missing("RoleSessionName")
	case s.DurationSeconds < 0 || s.DurationSeconds > maxDuration:
		return tencentcloud.Errorf("InvalidParameter.OverTimeError", "DurationSeconds must be between 0 and %d.", maxDuration)
	}
	return nil
}

func (s session) life() time.Duration {
	if s.DurationSeconds == 0 {
		return defaultDuration * time.Second
	}
	return time.Duration(s.DurationSeconds) * time.Second
}

func (a *API) assumeRole(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in session
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	// Lasting and temporary keys may call it alike, says its page:
	// cloud.tencent.com/document/api/598/33164.
	if !r.Caller.Allows("sts:AssumeRole", in.RoleArn) {
		return nil, tencentcloud.Errorf("UnauthorizedOperation", "you are not authorized to perform operation (sts:AssumeRole)")
	}
	s, err := a.Book.AssumeRole(r.Caller, in.RoleArn, in.RoleSessionName, in.life())
	return credentials(s, err)
}

func (a *API) assumeRoleWithWebIdentity(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct {
		session
		ProviderId       string
		WebIdentityToken string
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	switch {
	case in.ProviderId == "":
		return nil, tencentcloud.Missing("ProviderId")
	case in.WebIdentityToken == "":
		return nil, tencentcloud.Missing("WebIdentityToken")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	s, err := a.Book.AssumeRoleWithWebIdentity(in.ProviderId, in.WebIdentityToken, in.RoleArn, in.RoleSessionName, in.life())
	return credentials(s, err)
}

func credentials(s account.Session, err error) (tencentcloud.Fields, error) {
	switch {
	case errors.Is(err, account.ErrNoRole):
		return nil, tencentcloud.Errorf("ResourceNotFound.RoleNotFound", "The role does not exist.")
	case errors.Is(err, account.ErrUntrusted):
		return nil, tencentcloud.Errorf("UnauthorizedOperation", "The role does not trust the caller.")
	case errors.Is(err, account.ErrWebIdentity):
		return nil, tencentcloud.Errorf("InvalidParameter.WebIdentityTokenError", "The web identity token is not valid.")
	case err != nil:
		return nil, err
	}
	return tencentcloud.Fields{
		"Credentials": tencentcloud.Fields{"Token": s.Token, "TmpSecretId": s.SecretID, "TmpSecretKey": s.SecretKey},
		"ExpiredTime": s.Expires.Unix(),
		"Expiration":  s.Expires.UTC().Format(time.RFC3339),
	}, nil
}
