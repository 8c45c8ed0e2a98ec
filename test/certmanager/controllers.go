// Package certmanager runs cert-manager's own controllers and its cainjector
// against a cluster, from cert-manager's module, so that what the chart asks of
// them is done by them. It is a module of its own: they bring the clients of
// every certificate authority that they know.
package certmanager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/controller/cainjector"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"   // registers itself
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"         // registers itself
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned" // registers itself
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"           // registers itself
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"        // registers itself
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"         // registers itself
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"    // registers itself
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"           // registers itself
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"                        // registers itself
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"                                 // registers itself
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"                         // registers itself
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"
)

// Scheme knows all that the controllers here know.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(corev1.AddToScheme(scheme), admissionregistrationv1.AddToScheme(scheme),
		apiextensionsv1.AddToScheme(scheme), certmanager.AddToScheme(scheme))
}

// Install applies cert-manager's kinds, as its module has them, and returns when
// the API server serves them.
func Install(ctx context.Context, c client.Client) error {
	dir, err := moduleDir(ctx)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "deploy", "crds", "*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("find cert-manager's kinds in %s: %w", dir, errors.Join(err, os.ErrNotExist))
	}
	var kinds []*apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var kind apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(data, &kind); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		if err := c.Create(ctx, &kind); err != nil {
			return fmt.Errorf("create %s: %w", kind.Name, err)
		}
		kinds = append(kinds, &kind)
	}
	for _, kind := range kinds {
		if err := established(ctx, c, kind); err != nil {
			return err
		}
	}
	return nil
}

func moduleDir(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	if err != nil {
		return "", fmt.Errorf("find cert-manager's module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

func established(ctx context.Context, c client.Client, kind *apiextensionsv1.CustomResourceDefinition) error {
	for {
		if err := c.Get(ctx, client.ObjectKeyFromObject(kind), kind); err != nil {
			return err
		}
		for _, condition := range kind.Status.Conditions {
			if condition.Type == apiextensionsv1.Established && condition.Status == apiextensionsv1.ConditionTrue {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", kind.Name, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Run runs the controllers until ctx ends.
func Run(ctx context.Context, config *rest.Config, kubeconfig string) error {
	injector, err := newInjector(ctx, config)
	if err != nil {
		return err
	}
	factory, err := controller.NewContextFactory(ctx, controller.ContextOptions{
		Kubeconfig: kubeconfig,
		CertificateOptions: controller.CertificateOptions{
			CertificateRequestMinimumBackoffDuration: time.Second, CertificateRequestMaximumBackoffDuration: time.Minute,
		},
		IssuerOptions: controller.IssuerOptions{ClusterResourceNamespace: "default"},
	})
	if err != nil {
		return fmt.Errorf("prepare cert-manager's controllers: %w", err)
	}
	shared, err := factory.Build()
	if err != nil {
		return fmt.Errorf("prepare cert-manager's controllers: %w", err)
	}
	var all sync.WaitGroup
	failed := make(chan error, 100)
	for name, construct := range controller.Known() {
		c, err := construct(factory)
		if err != nil {
			return fmt.Errorf("make controller %s: %w", name, err)
		}
		all.Go(func() { failed <- c.Run(2, ctx) })
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	all.Go(func() { failed <- injector.Start(ctx) })
	all.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		if ctx.Err() == nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// newInjector makes the cainjector, for registrations alone.
func newInjector(ctx context.Context, config *rest.Config) (manager.Manager, error) {
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.UserAgent = "cert-manager-cainjector"
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}, LeaderElection: false,
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
	})
	if err != nil {
		return nil, fmt.Errorf("make cainjector: %w", err)
	}
	err = cainjector.RegisterAllInjectors(ctx, mgr, cainjector.SetupOptions{
		EnableCertificatesDataSource: true,
		EnabledReconcilersFor:        map[string]bool{"mutatingwebhookconfiguration": true, "validatingwebhookconfiguration": true},
	})
	if err != nil {
		return nil, fmt.Errorf("set up cainjector: %w", err)
	}
	return mgr, nil
}
