package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tcr-webhook/tcr-webhook/certs"
)

// options are the command's flags: where things are on this machine. What
// happens to pods is in the configuration file.
type options struct {
	config         string
	credentialsDir string
	certs          string
	service        string
	lives          certs.Lives
	tlsDir         string
	listen         string
	metricsListen  string
	probesListen   string
	kubeconfig     string
	namespace      string
	leaderElect    bool
	metadataServer string // for tests
	drainDelay     time.Duration
	logLevel       string
}

// namespaceFile tells a pod which namespace it runs in.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

func (o *options) addTo(f *pflag.FlagSet) {
	f.StringVar(&o.config, "config", "/etc/tcr-webhook/config/config.yaml", "configuration file; read again whenever it changes")
	f.StringVar(&o.credentialsDir, "credentials-dir", "/etc/tcr-webhook/credentials", "folder with the files secretId and secretKey of a SecretKey, or with folders of such; read again for each call")
	f.StringVar(&o.certs, "certs", certsSelf, "who makes the certificate of the webhook: self, cert-manager, or provided, which is whoever fills --tls-dir")
	f.StringVar(&o.service, "service", "tcr-webhook", "with --certs self: the Service that the API server calls, whose names the certificate is for")
	f.DurationVar(&o.lives.CA, "ca-lifetime", 365*24*time.Hour, "with --certs self: how long a certificate authority holds; another follows it after two thirds of that")
	f.DurationVar(&o.lives.Leaf, "leaf-lifetime", 30*24*time.Hour, "with --certs self: how long a certificate holds, at most a third of --ca-lifetime; another follows it after two thirds of that")
	f.StringVar(&o.tlsDir, "tls-dir", "/etc/tcr-webhook/tls", "with --certs cert-manager or provided: folder with tls.crt and tls.key of the webhook, read again whenever they change; with provided, a ca.crt in it is written into the registrations as their caBundle")
	f.StringVar(&o.listen, "listen", ":9443", "address the API server calls")
	f.StringVar(&o.metricsListen, "metrics-listen", ":8080", "address of /metrics; 0 for none")
	f.StringVar(&o.probesListen, "probes-listen", ":8081", "address of /healthz and /readyz; 0 for none")
	o.addPlaceTo(f)
	f.BoolVar(&o.leaderElect, "leader-elect", true, "renew pull secrets on one replica at a time")
	f.DurationVar(&o.drainDelay, "drain-delay", 10*time.Second, "how long to answer on after the signal to stop, until no API server sends calls any more")
	f.StringVar(&o.metadataServer, "metadata-server", "", "URL of the CVM's metadata server, on loopback; for tests")
	_ = f.MarkHidden("metadata-server") // it is there
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
}

// addPlaceTo adds the flags about where the installation is.
func (o *options) addPlaceTo(f *pflag.FlagSet) {
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "how to reach the API server from outside a cluster")
	f.StringVar(&o.namespace, "namespace", "", "namespace of the installation, which gets no pull secret (default: the pod's own)")
}

// check finds all that is wrong with the flags themselves.
func (o *options) check() error {
	var errs []error
	for flag, address := range map[string]string{"listen": o.listen, "metrics-listen": o.metricsListen, "probes-listen": o.probesListen} {
		if _, _, err := net.SplitHostPort(address); err != nil && (flag == "listen" || address != "0") {
			errs = append(errs, fmt.Errorf("--%s: %q is not an address such as :9443", flag, address))
		}
	}
	if u, err := url.Parse(o.metadataServer); o.metadataServer != "" && (err != nil || !net.ParseIP(u.Hostname()).IsLoopback()) {
		errs = append(errs, fmt.Errorf("--metadata-server: %q is not a URL on loopback", o.metadataServer))
	}
	if o.drainDelay <= 0 {
		errs = append(errs, fmt.Errorf("--drain-delay: %s is not positive: calls that are under way would be lost", o.drainDelay))
	}
	errs = append(errs, o.checkCertificates())
	if _, err := o.level(); err != nil {
		errs = append(errs, err)
	}
	if err := o.findNamespace(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// The values of --certs.
const (
	certsSelf        = "self"
	certsCertManager = "cert-manager"
	certsProvided    = "provided"
)

func (o *options) checkCertificates() error {
	if !slices.Contains([]string{certsSelf, certsCertManager, certsProvided}, o.certs) {
		return fmt.Errorf("--certs: %q is not self, cert-manager or provided", o.certs)
	}
	if len(validation.IsDNS1035Label(o.service)) > 0 {
		return fmt.Errorf("--service: %q is not the name of a Service", o.service)
	}
	if err := o.lives.Check(); err != nil {
		return fmt.Errorf("--ca-lifetime, --leaf-lifetime: %w", err)
	}
	return nil
}

func (o *options) level() (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return 0, fmt.Errorf("--log-level: %q is not debug, info, warn or error", o.logLevel)
	}
	return level, nil
}

func (o *options) findNamespace() error {
	if o.namespace == "" {
		data, err := os.ReadFile(namespaceFile)
		if err != nil {
			return errors.New("--namespace: is needed outside a pod")
		}
		o.namespace = strings.TrimSpace(string(data))
	}
	if len(validation.IsDNS1123Label(o.namespace)) > 0 {
		return fmt.Errorf("--namespace: %q is not the name of a namespace", o.namespace)
	}
	return nil
}
