package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/token"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// server is the wired-up process.
type server struct {
	opts       options
	secretName string // of the pull Secrets; what the cache and the RBAC rules are bound to
	mgr        manager.Manager
	metrics    *serverMetrics
	cloud      *cloud
	tokens     *token.Cache
	shared     *credentials.Shared
	fixed      *credentials.Fixed
	accounts   *accounts
	instances  *credentials.Instances
	routes     *credentials.Routes
	keeper     *credentials.Keeper
	state      atomic.Pointer[webhook.State]
	config     atomic.Pointer[config.Config]
	relook     chan struct{} // capacity one: the registries or the tokens have changed

	relookAccounts chan struct{} // capacity one: the configuration or the registries have

	keys          atomic.Pointer[map[registry.ID][]registry.Key]
	insight       insight
	announcer     *announcer
	registrations *registrations
	certificates  *certificates
	report        *reporter
	hosts         *hostsWriter
	ready         healthz.Checker
}

// configEvery is how often the configuration file is looked at.
const configEvery = 2 * time.Second

// serve runs the server until ctx ends. What is wrong with the configuration,
// the credentials or the certificate ends it at once.
func serve(ctx context.Context, opts options, stderr io.Writer) error {
	level, err := opts.level()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(opts.config)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	cfg, err := config.Decode(opts.config, data)
	if err != nil {
		return err
	}
	tencent := &cloud{credentialsDir: opts.credentialsDir, metadataServer: opts.metadataServer, env: os.Getenv}
	if err := tencent.use(cfg); err != nil {
		return fmt.Errorf("%s: %w", opts.config, err)
	}
	if err := tencent.check(); err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	pair, err := mountedPair(opts)
	if err != nil {
		return err
	}
	logger := logr.FromSlogHandler(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: level}))
	ctrl.SetLogger(logger) // of the libraries, which have but one
	klog.SetLogger(logger)
	ctx = ctrl.LoggerInto(ctx, logger)

	s := &server{opts: opts, secretName: cfg.PullSecret.Name, cloud: tencent, relook: make(chan struct{}, 1), relookAccounts: make(chan struct{}, 1)}
	if err := s.build(ctx, pair); err != nil {
		return err
	}
	if err := s.apply(cfg); err != nil {
		return fmt.Errorf("%s: %w", opts.config, err)
	}
	s.configured(cfg, nil)
	logWarnings(logger, cfg)
	watcher := &config.Watcher{Name: opts.config, Every: configEvery, Seen: data, Changed: func(c *config.Config, err error) { s.reload(ctx, c, err) }}
	if err := s.mgr.Add(watcher); err != nil {
		return fmt.Errorf("add configuration watcher: %w", err)
	}
	return s.mgr.Start(ctx)
}

// build makes the parts and hangs them into the manager.
func (s *server) build(ctx context.Context, pair *certwatcher.CertWatcher) error {
	var err error
	if s.mgr, err = newManager(s.opts, s.secretName); err != nil {
		return err
	}
	if s.metrics, err = newServerMetrics(metrics.Registry); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	s.cloud.observe = s.metrics.apiCall
	if err := s.shareTokens(ctx); err != nil {
		return err
	}
	s.announcer = s.newAnnouncer(ctx)
	s.fixed = credentials.NewFixed(s.tokens, s.mgr.GetAPIReader(), s.opts.namespace, s.lookAgain)
	s.instances = credentials.NewInstances(s.routes.Settle, s.directoryChanged)
	namespaces, err := cachedNamespaces(ctx, s.mgr.GetCache())
	if err != nil {
		return err
	}
	s.keeper = credentials.NewKeeper(credentials.Options{
		Client: s.mgr.GetClient(), Live: s.mgr.GetAPIReader(), Namespaces: namespaces,
		Tokens: s.fixed, Directory: s.instances.Directory, DigestKey: s.shared.DigestKey,
		SecretName: s.secretName, OwnNamespace: s.opts.namespace, Metrics: s.metrics.credentials, Owing: s.shared.Changed, Events: s.announcer,
	})
	annotated := &credentials.ServiceAccounts{Enabled: s.serviceAccounts, Relook: s.relookAccounts}
	if s.accounts, err = newAccounts(s.mgr.GetConfig(), annotated.Changed); err != nil {
		return err
	}
	if s.certificates, err = s.newCertificates(ctx, pair); err != nil {
		return err
	}
	hooks, err := s.newWebhook(ctx)
	if err != nil {
		return err
	}
	for _, part := range []manager.Runnable{s.certificates.part, hooks, s.tokens, s.fixed, s.accounts, s.instances, s.routes, s.keeper} {
		if err := s.mgr.Add(part); err != nil {
			return fmt.Errorf("add %T: %w", part, err)
		}
	}
	annotated.Keeper, annotated.Accounts = s.keeper, s.accounts
	if err := errors.Join(credentials.NewReconciler(s.keeper, s.relook).SetupWithManager(s.mgr), annotated.SetupWithManager(s.mgr)); err != nil {
		return fmt.Errorf("set up controllers: %w", err)
	}
	s.hosts = s.newHostsWriter()
	if err := s.mgr.Add(s.hosts); err != nil {
		return fmt.Errorf("add %T: %w", s.hosts, err)
	}
	if err := s.addReport(ctx); err != nil {
		return err
	}
	return s.addProbes(hooks)
}

// apply puts a configuration into force.
func (s *server) apply(c *config.Config) error {
	if c.PullSecret.Name != s.secretName {
		return fmt.Errorf("pullSecret.name changed from %s to %s, which takes a restart and other RBAC rules", s.secretName, c.PullSecret.Name)
	}
	entries, err := c.Entries()
	if err != nil {
		return err
	}
	if err := s.cloud.use(c); err != nil {
		return err
	}
	s.config.Store(c)
	s.keeper.SetGrace(time.Duration(*c.FirstPodGrace))
	s.routes.Set(entries, c.Routes(), time.Duration(*c.PrivateNetwork.ObserveEvery))
	s.instances.Set(entries, describer{s.cloud, &s.insight})
	s.fixed.Want(entries)
	keys := issuedTo(entries)
	s.tokens.Want(keys...)
	for _, key := range keys {
		s.tokens.Forget(key) // what was refused before may be granted now
	}
	return nil
}

// issuedTo lists the logins that tokens are asked for; fixed ones are not among
// them.
func issuedTo(entries []registry.Entry) []registry.Key {
	keys := make([]registry.Key, 0, len(entries))
	for _, e := range entries {
		if _, fixed := e.Account.Secret(); !fixed {
			keys = append(keys, e.Key())
		}
	}
	return keys
}

// reload takes a changed configuration, or leaves the last good one in force.
func (s *server) reload(ctx context.Context, c *config.Config, err error) {
	if err == nil {
		err = s.apply(c)
	}
	s.configured(c, err)
	logger := ctrl.LoggerFrom(ctx)
	if err != nil {
		logger.Error(err, "Configuration refused, the last good one stays in force", "file", s.opts.config)
		return
	}
	logger.Info("Configuration applied", "file", s.opts.config, "registries", len(c.Registries))
	logWarnings(logger, c)
}

// logWarnings tells of what a configuration has that is hardly meant.
func logWarnings(logger logr.Logger, c *config.Config) {
	for _, w := range config.Lint(c) {
		logger.Info("Configuration is odd", "at", fmt.Sprintf("%s:%d:%d", w.File, w.Line, w.Column), "key", w.Path, "warning", w.Text)
	}
}

// directoryChanged hands a new directory to everything that reads it.
func (s *server) directoryChanged() {
	c := s.config.Load()
	s.state.Store(&webhook.State{
		Directory:             s.instances.Directory(),
		PullSecretName:        s.secretName,
		SkipOwners:            c.SkipOwners(),
		DenyWithoutPullSecret: c.PullSecret.Missing == config.MissingDeny,
		Policy:                c.PolicyRules().Compile(s.instances.Directory(), s.opts.namespace),
	})
	s.shared.Changed()
	s.lookAgain()
	signal(s.relookAccounts)
	s.keys.Store(new(keysOf(s.instances.Directory())))
	s.registrations.look()
	signal(s.hosts.wake)
	s.report.Changed()
}

// lookAgain has every namespace looked at: what its Secret should hold may have
// changed.
func (s *server) lookAgain() {
	s.keeper.TokensChanged()
	signal(s.relook)
}

// serviceAccounts tells whether ServiceAccounts may be changed.
func (s *server) serviceAccounts() bool {
	c := s.config.Load()
	return c != nil && c.PullSecret.ServiceAccounts == config.ServiceAccountsOnRequest
}

func (s *server) tokenChanged(key registry.Key) {
	if tok, ok := s.tokens.Peek(key); ok {
		s.insight.issued(key, tok)
	}
	s.shared.Changed()
	s.lookAgain()
	s.report.Changed()
}
