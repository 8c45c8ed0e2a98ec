package tencent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/account"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/cvm"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/harbor"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/instance"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/pki"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/sts"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tcr"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencentcloud"
)

// ownerUIN is the main account, a number from TCR's documentation.
const ownerUIN = "100000000001"

// Cloud is a running emulator.
type Cloud struct {
	book      *account.Book
	first     Identity
	instances *instance.Store
	gateway   *tencentcloud.Gateway
	registry  *harbor.Registry
	ca        *pki.CA
	transport *http.Transport

	api, sts, stsPlain, metadata, pulls *listener

	closing func() error // does its work once
	forget  func() bool  // ends the wait for the end of Start's context
}

// Start serves the emulator on free loopback ports until ctx ends or Close is
// called. It begins with one identity, DefaultIdentity, and no instance.
func Start(ctx context.Context, o Options) (*Cloud, error) {
	o = o.withDefaults()
	c, err := build(o)
	if err != nil {
		return nil, fmt.Errorf("start emulator: %w", err)
	}
	if err := c.listen(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("start emulator: %w", err), c.Close())
	}
	closing := c.closing
	c.forget = context.AfterFunc(ctx, func() { _ = closing() })
	return c, nil
}

// build makes the parts of a Cloud, none of which runs yet.
func build(o Options) (*Cloud, error) {
	ca, err := pki.New()
	if err != nil {
		return nil, err
	}
	book, err := account.NewBook(ownerUIN, o.Now)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(o.Log, nil))
	instances := instance.NewStore(o.Now, o.LinkDelay)
	registry, err := harbor.New(harbor.Options{
		Guard: guard{book, instances}, Resolve: resolver(instances), Log: log, PublicRealm: o.PublicRealm,
	})
	if err != nil {
		return nil, err
	}
	api := &tcr.API{Book: book, Instances: instances, UnknownInstance: o.UnknownInstance}
	gateway := tencentcloud.New(tencentcloud.Options{
		Book: book, Now: o.Now, Log: log, NoLimits: o.NoLimits,
		Services: []tencentcloud.Service{api.Service(), (&sts.API{Book: book}).Service()},
	})
	c := &Cloud{book: book, first: book.NewIdentity(), instances: instances, gateway: gateway, registry: registry, ca: ca}
	c.AddIdentity(c.first)
	c.transport = c.newTransport()
	c.closing = sync.OnceValue(c.shutdown)
	return c, nil
}

// Close stops serving and frees everything; in-flight requests are cut off.
func (c *Cloud) Close() error {
	if c.forget != nil {
		c.forget()
	}
	return c.closing()
}

func (c *Cloud) shutdown() error {
	c.gateway.ClearFaults()
	var errs []error
	for _, l := range []*listener{c.api, c.sts, c.stsPlain, c.metadata, c.pulls} {
		errs = append(errs, l.close())
	}
	c.transport.CloseIdleConnections()
	if err := errors.Join(append(errs, c.registry.Close())...); err != nil {
		return fmt.Errorf("close emulator: %w", err)
	}
	return nil
}

// DefaultIdentity is the identity the Cloud began with. It may do everything.
func (c *Cloud) DefaultIdentity() Identity { return c.first }

// AddIdentity adds an identity, or replaces the one with the same SecretID.
// Without an OwnerUIN it belongs to the account of DefaultIdentity.
func (c *Cloud) AddIdentity(i Identity) { c.book.Add(i) }

// NewIdentity makes up an identity that may do everything; it counts once it
// is given to AddIdentity, with its rights cut down if need be.
func (c *Cloud) NewIdentity() Identity { return c.book.NewIdentity() }

// Identities returns all identities, with their keys.
func (c *Cloud) Identities() []Identity { return c.book.Identities() }

// Revoke disables an identity: its calls are answered
// AuthFailure.SecretIdNotFound, and all of its pull tokens stop to work. It
// reports whether there is such an identity.
func (c *Cloud) Revoke(secretID string) bool { return c.book.SetRevoked(secretID, true) }

// Restore enables an identity again.
func (c *Cloud) Restore(secretID string) bool { return c.book.SetRevoked(secretID, false) }

// PullToken makes a temporary pull token for an identity without a call of the
// API, as the console does.
func (c *Cloud) PullToken(i Identity) (username, token string, err error) {
	t, err := c.book.IssueTemporary(i.OwnerUIN, i.UIN)
	return t.Username, t.Token, err
}

// AddRole adds a role for STS and returns it as it is now, with a UIN.
func (c *Cloud) AddRole(r Role) Role { return c.book.AddRole(r) }

// BindNodeRole binds a role to the machine that the metadata server is of; ""
// for none, as at first.
func (c *Cloud) BindNodeRole(arn string) { c.book.BindNodeRole(arn) }

// WebIdentity makes the token of a ServiceAccount for TKE's pod identity, which
// STS takes for as long as life.
func (c *Cloud) WebIdentity(life time.Duration) (string, error) {
	return c.book.WebIdentity(account.DefaultAudience, life)
}

// SetSessionLifetime sets how long temporary credentials of roles last from now
// on, whatever is asked for; zero for what is asked for.
func (c *Cloud) SetSessionLifetime(d time.Duration) { c.book.SetSessionLifetime(d) }

// EndSessions has all temporary credentials of roles end at once: calls with
// them are answered AuthFailure.TokenFailure.
func (c *Cloud) EndSessions() { c.book.EndSessions() }

// AddInstance adds an instance, or replaces the one with the same ID, and
// serves its host names from then on. It panics on an ill-formed instance, or
// one whose host names are taken: that is a mistake of the test. PutInstance
// returns the mistake.
func (c *Cloud) AddInstance(i Instance) {
	if err := c.PutInstance(i); err != nil {
		panic(err)
	}
}

// PutInstance is AddInstance for what comes from a user.
func (c *Cloud) PutInstance(i Instance) error {
	if _, known := tencentcloud.RegionIDs()[i.Region]; i.Region != "" && !known {
		return fmt.Errorf("instance %s: there is no region %q", i.ID, i.Region)
	}
	return c.instances.Put(i)
}

// RemoveInstance removes an instance and reports whether there was one.
func (c *Cloud) RemoveInstance(id string) bool { return c.instances.Remove(id) }

// Instances returns all instances as they are now.
func (c *Cloud) Instances() []Instance { return c.instances.All() }

// SetTokenLifetime sets the life of temporary tokens issued from now on. It is
// one hour at first. A JWT's expiry has whole seconds: it may come up to a
// second before ExpTime, as the real one does.
func (c *Cloud) SetTokenLifetime(d time.Duration) { c.book.SetTokenLifetime(d) }

// SetFault breaks an action from now on, in place of its fault before; "" and
// "*" stand for every action that has no fault of its own.
func (c *Cloud) SetFault(action string, f Fault) { c.gateway.SetFault(action, f) }

// ClearFault ends the fault of one action and reports whether there was one.
func (c *Cloud) ClearFault(action string) bool { return c.gateway.ClearFault(action) }

// ClearFaults ends all faults; calls that hang go on.
func (c *Cloud) ClearFaults() { c.gateway.ClearFaults() }

// Faults returns the faults in force by action.
func (c *Cloud) Faults() map[string]Fault { return c.gateway.Faults() }

// Actions returns the names of all API actions, sorted, and of the metadata
// server's pages.
func (c *Cloud) Actions() []string { return append(c.gateway.Actions(), cvm.Action) }

// Calls returns the API calls of an action so far, oldest first; "" for all.
func (c *Cloud) Calls(action string) []Call { return c.gateway.Calls(action) }
