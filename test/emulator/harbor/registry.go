package harbor

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
)

// Guard decides about logins and rights.
type Guard interface {
	// Login reports whether the password is the user's.
	Login(user, password string) error
	// Allows reports whether the user may "pull" or "push" a repository, as
	// in "team/hello", of an instance.
	Allows(user, action, instanceID, repository string) bool
}

// Site is an instance as the registry needs it.
type Site struct {
	ID         string
	PublicHost string
}

// Options are what a Registry needs. PublicRealm is optional.
type Options struct {
	Guard   Guard
	Resolve func(host string) (Site, bool) // host name, without port, to instance
	Log     *slog.Logger

	// PublicRealm names the public host in every challenge. Otherwise a
	// challenge names the host asked: what the real service does for -vpc
	// names is not documented.
	PublicRealm bool
}

// Registry serves all instances.
type Registry struct {
	Options
	tokens *tokens

	// mu guards sites and closed.
	mu     sync.Mutex
	sites  map[string]*site // by instance ID
	closed bool
}

// site is the storage of one instance.
type site struct {
	app        *app
	namespaces map[string]bool
}

// New returns an empty Registry. Distribution logs to the process' logrus;
// New turns that off, for a registry's request log is nobody's test output.
func New(o Options) (*Registry, error) {
	quiet()
	tokens, err := newTokens()
	if err != nil {
		return nil, err
	}
	return &Registry{Options: o, tokens: tokens, sites: map[string]*site{}}, nil
}

// Close ends what the registries run. The Registry serves nothing afterwards.
func (r *Registry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, s := range r.sites {
		errs = append(errs, s.app.close())
	}
	r.sites, r.closed = nil, true
	return errors.Join(errs...)
}

// CreateNamespace makes the first segment of repository names exist. As with
// the real service, no push does that.
func (r *Registry) CreateNamespace(instanceID, namespace string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.site(instanceID)
	if err != nil {
		return err
	}
	s.namespaces[namespace] = true
	return nil
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	site, ok := r.Resolve(hostname(req.Host))
	if !ok {
		http.Error(w, "no instance has the host name "+hostname(req.Host), http.StatusNotFound)
		return
	}
	if req.URL.Path == tokenPath {
		r.serveToken(w, req, site)
		return
	}
	r.mu.Lock()
	s, err := r.site(site.ID)
	r.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	s.app.ServeHTTP(w, r.direct(req, site))
}

// direct removes what would let a client choose the URLs it is answered, and
// puts the public host in the place of the one asked where that is wanted.
func (r *Registry) direct(req *http.Request, site Site) *http.Request {
	req = req.Clone(req.Context())
	for _, header := range []string{"Forwarded", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port"} {
		req.Header.Del(header)
	}
	if r.PublicRealm {
		host := site.PublicHost
		if _, port, err := net.SplitHostPort(req.Host); err == nil {
			host = net.JoinHostPort(host, port)
		}
		req.Host = host
	}
	return req
}

// site returns an instance's storage, made at the first call; r.mu is held.
func (r *Registry) site(id string) (*site, error) {
	if r.closed {
		return nil, errors.New("the registry is closed")
	}
	if s, ok := r.sites[id]; ok {
		return s, nil
	}
	app, err := newApp(r.tokens)
	if err != nil {
		return nil, fmt.Errorf("start registry of %s: %w", id, err)
	}
	s := &site{app: app, namespaces: map[string]bool{}}
	r.sites[id] = s
	return s, nil
}

// hasNamespace reports whether a repository's namespace exists.
func (r *Registry) hasNamespace(instanceID, repository string) bool {
	namespace, _, _ := strings.Cut(repository, "/")
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.sites[instanceID]
	return ok && s.namespaces[namespace]
}

// hostname is a Host header without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(host)
}
