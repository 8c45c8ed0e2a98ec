package tcr

import (
	"errors"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/account"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencentcloud"
)

func (a *API) createToken(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct{ RegistryId, TokenType, Desc string }
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	i, err := a.instance(r, "RegistryId", in.RegistryId)
	if err != nil {
		return nil, err
	}
	if i.Status != "Running" && i.Status != "Unhealthy" {
		return nil, tencentcloud.Errorf("UnsupportedOperation", "The instance is in status %s.", i.Status)
	}
	var token account.PullToken
	switch in.TokenType {
	case "", "temp":
		token, err = a.Book.IssueTemporary(r.Caller.OwnerUIN, r.Caller.UIN)
	case "longterm":
		token, err = a.Book.IssueLongTerm(r.Caller.OwnerUIN, r.Caller.UIN, i.ID, in.Desc)
	default:
		return nil, tencentcloud.Invalid("TokenType must be temp or longterm.")
	}
	if err != nil {
		return nil, err
	}
	return tencentcloud.Fields{
		"Username": token.Username,
		"Token":    token.Token,
		"ExpTime":  token.Expires.UnixMilli(),
		"TokenId":  token.ID,
	}, nil
}

func (a *API) describeTokens(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct {
		RegistryId    string
		Limit, Offset *int64
	}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	i, err := a.instance(r, "RegistryId", in.RegistryId)
	if err != nil {
		return nil, err
	}
	all := a.Book.LongTermTokens(i.ID)
	list := []tencentcloud.Fields{}
	for _, t := range pageOf(all, in.Offset, in.Limit) {
		list = append(list, tencentcloud.Fields{
			"Id": t.ID, "Desc": t.Desc, "RegistryId": t.RegistryID, "Enabled": t.Enabled,
			"CreatedAt": beijing(t.Created), "ExpiredAt": t.Expires.UnixMilli(),
		})
	}
	return tencentcloud.Fields{"TotalCount": len(all), "Tokens": list}, nil
}

// Values of ModifyFlag.
const (
	modifyDesc   = 1
	modifyEnable = 2
)

func (a *API) modifyToken(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	in := struct {
		RegistryId, TokenId, Desc string
		Enable                    bool
		ModifyFlag                int64
	}{ModifyFlag: modifyEnable}
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if in.TokenId == "" {
		return nil, tencentcloud.Missing("TokenId")
	}
	i, err := a.instance(r, "RegistryId", in.RegistryId)
	if err != nil {
		return nil, err
	}
	if in.ModifyFlag != modifyDesc && in.ModifyFlag != modifyEnable {
		return nil, tencentcloud.Invalid("ModifyFlag must be 1 or 2.")
	}
	err = a.Book.ChangeLongTerm(i.ID, in.TokenId, func(t *account.LongTerm) {
		if in.ModifyFlag == modifyDesc {
			t.Desc = in.Desc
		} else {
			t.Enabled = in.Enable
		}
	})
	return tencentcloud.Fields{}, noToken(err)
}

func (a *API) deleteToken(r *tencentcloud.Request) (tencentcloud.Fields, error) {
	var in struct{ RegistryId, TokenId string }
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	if in.TokenId == "" {
		return nil, tencentcloud.Missing("TokenId")
	}
	i, err := a.instance(r, "RegistryId", in.RegistryId)
	if err != nil {
		return nil, err
	}
	return tencentcloud.Fields{}, noToken(a.Book.DeleteLongTerm(i.ID, in.TokenId))
}

func noToken(err error) error {
	if errors.Is(err, account.ErrNoToken) {
		return tencentcloud.Invalid("The token does not exist.")
	}
	return err
}

// beijing writes a time as the API does: RFC 3339 at UTC+8.
func beijing(t time.Time) string {
	return t.In(time.FixedZone("", 8*60*60)).Format(time.RFC3339)
}
