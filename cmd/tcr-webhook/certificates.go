package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/tcr-webhook/tcr-webhook/certs"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
)

// certificates is the webhook's certificate, whoever makes it.
type certificates struct {
	*certs.Holder
	part      manager.Runnable
	changed   func()        // a registration has
	problem   func() string // what cannot be done at present
	authority func() *certs.Authority
	// issuance says what keeps somebody else from making a certificate.
	issuance func(context.Context) string
}

// mountedPair reads the mounted pair, where one is to be mounted.
func mountedPair(o options) (*certwatcher.CertWatcher, error) {
	if o.certs == certsSelf {
		return nil, nil
	}
	pair, err := certs.WatchPair(o.tlsDir)
	if err != nil {
		return nil, fmt.Errorf("webhook certificate: %w; mount a Secret of type %s at %s", err, corev1.SecretTypeTLS, o.tlsDir)
	}
	return pair, nil
}

// newCertificates makes what keeps the certificate.
func (s *server) newCertificates(ctx context.Context, pair *certwatcher.CertWatcher) (*certificates, error) {
	registered := func(ctx context.Context) []certs.Registration { return s.registrations.seen(ctx) }
	leading := func() bool { return isClosed(s.mgr.Elected()) }
	if s.opts.certs == certsSelf {
		return s.selfMade(ctx, registered, leading)
	}
	m, err := certs.NewMounted(certs.MountedOptions{
		Watcher: pair, Dir: s.opts.tlsDir, Inject: s.opts.certs == certsProvided, Client: s.mgr.GetClient(),
		Registrations: registered, Leading: leading, Repaired: s.repaired,
	})
	if err != nil {
		return nil, err
	}
	c := &certificates{Holder: &m.Holder, part: m, changed: m.Changed, problem: m.Problem, authority: m.Authority}
	c.issuance = func(ctx context.Context) string {
		if s.opts.certs != certsCertManager {
			return ""
		}
		return certs.Issuance(ctx, s.mgr.GetAPIReader(), s.opts.namespace)
	}
	return c, nil
}

// firstRead is how long the first look at the Secret is waited for.
const firstRead = 5 * time.Second

// selfMade makes what makes the certificates itself, over a cache of one Secret.
func (s *server) selfMade(ctx context.Context, registered func(context.Context) []certs.Registration, leading func() bool) (*certificates, error) {
	own, err := cache.New(s.mgr.GetConfig(), cache.Options{
		HTTPClient: s.mgr.GetHTTPClient(), Scheme: s.mgr.GetScheme(), Mapper: s.mgr.GetRESTMapper(),
		DefaultNamespaces:    map[string]cache.Config{s.opts.namespace: {}},
		DefaultFieldSelector: fields.OneTermEqualSelector("metadata.name", certs.SecretName),
		DefaultTransform:     cache.TransformStripManagedFields(),
	})
	if err != nil {
		return nil, fmt.Errorf("create cache of the CA Secret: %w", err)
	}
	self, err := certs.NewSelf(certs.SelfOptions{
		Cached: own, Live: s.mgr.GetAPIReader(), Client: s.mgr.GetClient(), Namespace: s.opts.namespace,
		Names: certs.ServiceNames(s.opts.service, s.opts.namespace), Lives: s.opts.lives,
		Registrations: registered, Leading: leading, Repaired: s.repaired,
	})
	if err != nil {
		return nil, err
	}
	if err := onChange(ctx, own, &corev1.Secret{}, self.Changed); err != nil {
		return nil, fmt.Errorf("watch CA Secret: %w", err)
	}
	// Not one of the manager's caches, which all has to wait for: what cannot be
	// read for want of a right is told at readiness.
	if err := s.mgr.Add(everyReplica{own.Start}); err != nil {
		return nil, fmt.Errorf("add cache of the CA Secret: %w", err)
	}
	begin := func(ctx context.Context) error {
		wait, cancel := context.WithTimeout(ctx, firstRead)
		own.WaitForCacheSync(wait) // or what is wrong is told from then on
		cancel()
		return self.Start(ctx)
	}
	return &certificates{
		Holder: &self.Holder, part: everyReplica{begin}, changed: self.Changed, problem: self.Problem, authority: self.Authority,
		issuance: func(context.Context) string { return "" },
	}, nil
}

// repaired tells of a caBundle that somebody had changed.
func (s *server) repaired(r certs.Registration) {
	s.announcer.ourOwn(&corev1.ObjectReference{
		APIVersion: "v1", Kind: "ConfigMap", Namespace: s.opts.namespace, Name: status.ConfigMapName, ResourceVersion: r.ResourceVersion,
	}, status.Notice{
		Warning: true, Reason: status.WebhookConfigRepaired,
		Message: "the caBundle of " + r.String() + " had been changed, so that the API server did not trust us, and is as it was: find who changes it",
	})
}

// validity is of the certificate that is served; nil for none.
func (c *certificates) validity() *status.Validity {
	served := c.Served()
	if served == nil {
		return nil
	}
	return &status.Validity{NotBefore: served.NotBefore, NotAfter: served.NotAfter}
}

// fault is what keeps another certificate from being made or trusted.
func (c *certificates) fault(ctx context.Context) string {
	return cmp.Or(c.problem(), c.issuance(ctx))
}

// validities are of all certificates there are, by kind.
func (c *certificates) validities() map[string]*status.Validity {
	all := map[string]*status.Validity{}
	if v := c.validity(); v != nil {
		all["serving"] = v
	}
	if a := c.authority(); a != nil {
		all["ca"] = &status.Validity{NotBefore: a.Certificate.NotBefore, NotAfter: a.Certificate.NotAfter}
	}
	return all
}
