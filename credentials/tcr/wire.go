package tcr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"

	"github.com/tcr-webhook/tcr-webhook/credentials/token"
)

// wire is the way to one service of Tencent Cloud's API.
type wire struct {
	at        endpoint
	timeout   time.Duration // of one call
	observe   func(action, code string)
	transport *guard
}

func newWire(at endpoint, timeout time.Duration, observe func(action, code string)) wire {
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	if observe == nil {
		observe = func(string, string) {}
	}
	return wire{at: at, timeout: timeout, observe: observe, transport: newGuard()}
}

// profile is the settings of a client of the SDK: no retries, no region
// breaker, no debug output.
func (w *wire) profile() *profile.ClientProfile {
	p := profile.NewClientProfile()
	p.Language = "en-US"
	p.HttpProfile.Scheme = w.at.scheme
	p.HttpProfile.Endpoint = w.at.host
	p.HttpProfile.RootDomain = w.at.rootDomain
	p.HttpProfile.ReqTimeout = 0 // the context has it
	return p
}

// sdk is the credentials in the SDK's form.
func (c Credentials) sdk() common.CredentialIface {
	return common.NewTokenCredential(c.SecretID.Reveal(), c.SecretKey.Reveal(), c.SessionToken.Reveal())
}

// errSettings stands for the SDK's own words, which may quote the settings.
var errSettings = errors.New("the SDK does not accept its settings")

// errPanic stands for a panic in the SDK: it has one for an answer of "null".
var errPanic = errors.New("the SDK cannot cope with the answer")

// send makes one call of action about subject: within the timeout, counted,
// and with errors of ours only.
func send[R any](ctx context.Context, w *wire, action, subject string, read interpreter, f func(context.Context) (R, error)) (R, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	answer, err := recovered(func() (R, error) { return f(ctx) })
	if err != nil {
		var none R
		w.observe(action, label(codeOf(err)))
		return none, w.transport.explain(translate(action, subject, err, read))
	}
	w.observe(action, "OK")
	return answer, nil
}

// recovered calls f and makes an error of its panic. The panic's own text is
// dropped, as the SDK's messages are.
func recovered[R any](f func() (R, error)) (answer R, err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return f()
}

// explain adds how far the clocks differ to an error that says they do.
func (g *guard) explain(err error) error {
	ahead := g.clockAhead().Round(time.Second)
	switch {
	case !errors.Is(err, token.ErrClockSkew), ahead == 0:
		return err
	case ahead > 0:
		return fmt.Errorf("%w (it is %s ahead of the API's)", err, ahead)
	default:
		return fmt.Errorf("%w (it is %s behind the API's)", err, -ahead)
	}
}
