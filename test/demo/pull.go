package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// pullUsage is the help of demo pull.
const pullUsage = `Pull the images of a pod of the demo, as the kubelet of a node would: from the real
registry, with the logins of the Secrets that the pod names and with no other.

  demo pull POD [-n NAMESPACE]

`

// pull is the subcommand pull. Where the registry is, the environment says.
func pull(ctx context.Context, args []string, out io.Writer) error {
	flags := pflag.NewFlagSet("demo pull", pflag.ContinueOnError)
	namespace := flags.StringP("namespace", "n", "default", "namespace of the pod")
	flags.Usage = func() { _, _ = fmt.Fprint(out, pullUsage, flags.FlagUsages()) }
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() != 1:
		return errors.New("pull: say which pod, as in demo pull hello -n team-a")
	}
	dir := os.Getenv(dirVariable)
	if dir == "" {
		return fmt.Errorf("pull: %s is not set; read the file that make demo KEEP=1 names at its end, as in . bin/demo.env", dirVariable)
	}
	registry, err := openRegistry(dir)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(dir, kubeconfigFile))
	if err != nil {
		return err
	}
	cluster, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	p := puller{cluster: cluster, registry: registry, out: out}
	return p.pod(ctx, client.ObjectKey{Namespace: *namespace, Name: flags.Arg(0)})
}

// puller is what a kubelet has to pull with.
type puller struct {
	cluster  client.Client
	registry http.RoundTripper
	out      io.Writer
}

// pod pulls the image of each container.
func (p puller) pod(ctx context.Context, key client.ObjectKey) error {
	var pod corev1.Pod
	if err := p.cluster.Get(ctx, key, &pod); err != nil {
		return err
	}
	secret, err := p.secret(ctx, &pod)
	if err != nil {
		return err
	}
	login := "without a login"
	if secret != nil {
		login = "with the login of Secret " + secret.Name
	}
	for _, c := range pod.Spec.Containers {
		_, err := stack.Pull(ctx, c.Image, secret, p.registry)
		var refused *transport.Error
		if errors.As(err, &refused) {
			return fmt.Errorf("pull %s %s: %d %s", c.Image, login, refused.StatusCode, http.StatusText(refused.StatusCode))
		} else if err != nil {
			return fmt.Errorf("pull %s %s: %w", c.Image, login, err)
		}
		_, _ = fmt.Fprintf(p.out, "pulled %s %s\n", c.Image, login)
	}
	return nil
}

// secret is the first Secret that a pod names and that is there, or nil. A
// kubelet goes on without one that is missing, too.
func (p puller) secret(ctx context.Context, pod *corev1.Pod) (*corev1.Secret, error) {
	for _, named := range pod.Spec.ImagePullSecrets {
		var secret corev1.Secret
		err := p.cluster.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: named.Name}, &secret)
		if err == nil {
			return &secret, nil
		} else if !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	return nil, nil //nolint:nilnil // there is none, and that is no error
}

// openRegistry reaches the registry of the demo in dir, whatever host an image
// names.
func openRegistry(dir string) (http.RoundTripper, error) {
	address, err := os.ReadFile(filepath.Join(dir, registryFile))
	if err != nil {
		return nil, fmt.Errorf("find the registry: %w; is the demo still up?", err)
	}
	ca, err := os.ReadFile(filepath.Join(dir, registryCAFile))
	if err != nil {
		return nil, fmt.Errorf("find the registry: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("the CA of the registry is none")
	}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, string(address))
		},
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		Proxy:           nil, // loopback needs none
	}, nil
}
