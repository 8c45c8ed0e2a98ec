package tencentcloud

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/account"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tc3"
)

// maxSkew is how far a signature's timestamp may be from the server's clock.
const maxSkew = 5 * time.Minute

// run checks a request in the order of the real gateway, as far as it is
// known, and performs its action.
func (g *Gateway) run(in *incoming) (Fields, error) {
	if in.Method != http.MethodPost {
		return nil, errUnsupportedProtocol
	}
	action, known := in.service.Actions[in.action]
	var caller account.Caller
	if !known || !action.Unsigned || in.Header.Get("Authorization") != "SKIP" {
		var err error
		if caller, err = g.authenticate(in); err != nil {
			return nil, err
		}
	}
	if err := g.address(in, known); err != nil {
		return nil, err
	}
	if !g.NoLimits && !g.limits.allow(caller.UIN, in.action, action.Rate, g.Now()) {
		return nil, errRequestLimit(action.Rate)
	}
	return action.Run(&Request{
		ID: in.id, Service: in.service.Name, Action: in.action, Region: in.Header.Get("X-TC-Region"),
		Time: g.Now(), Caller: caller, body: in.body,
	})
}

// address checks that version, action and region exist.
func (g *Gateway) address(in *incoming, known bool) error {
	if in.action == "" {
		return errMissing("Action")
	}
	if version := in.Header.Get("X-TC-Version"); version != in.service.Version {
		return errNoSuchVersion(version)
	}
	if !known {
		return errInvalidAction(in.action)
	}
	region := in.Header.Get("X-TC-Region")
	if region == "" && in.service.Global {
		return nil
	}
	if region == "" {
		return errMissing("Region")
	}
	if _, ok := g.regions[region]; !ok {
		return errUnsupportedRegion(region)
	}
	return nil
}

// authenticate verifies the signature and returns whose it is.
func (g *Gateway) authenticate(in *incoming) (account.Caller, error) {
	auth, err := tc3.Parse(in.Header.Get("Authorization"))
	if err != nil {
		return account.Caller{}, errInvalidAuthorization
	}
	g.calls.change(in.call, func(c *Call) { c.SecretID = auth.SecretID })
	timestamp, err := strconv.ParseInt(in.Header.Get("X-TC-Timestamp"), 10, 64)
	if err != nil {
		return account.Caller{}, errMissing("Timestamp")
	}
	if skew := g.Now().Sub(time.Unix(timestamp, 0)); skew > maxSkew || skew < -maxSkew {
		return account.Caller{}, errSignatureExpire
	}
	caller, key, err := g.Book.Lookup(auth.SecretID, in.Header.Get("X-TC-Token"))
	switch {
	case errors.Is(err, account.ErrNoSecretID):
		return account.Caller{}, errSecretIDNotFound
	case errors.Is(err, account.ErrSessionToken):
		return account.Caller{}, errTokenFailure
	case err != nil:
		return account.Caller{}, err
	}
	signed := tc3.Request{
		Method: in.Method, Query: in.URL.RawQuery, ContentType: in.Header.Get("Content-Type"),
		Host: in.Host, Timestamp: timestamp, Body: in.body,
	}
	if auth.Service != in.service.Name || !auth.Valid(signed, key) {
		return account.Caller{}, errSignatureFailure
	}
	g.calls.change(in.call, func(c *Call) { c.UIN = caller.UIN })
	return caller, nil
}
