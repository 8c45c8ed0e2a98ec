package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/tcr-webhook/tcr-webhook/cmd/internal/config"
	"github.com/tcr-webhook/tcr-webhook/cmd/internal/status"
)

// install says where tcr-webhook is installed.
type install struct {
	namespace string
	configMap string
}

// configKey is where in the ConfigMap the configuration is.
const configKey = "config.yaml"

func (i *install) addTo(f *pflag.FlagSet) {
	f.StringVar(&i.namespace, "install-namespace", "tcr-webhook", "namespace that tcr-webhook is installed in")
	f.StringVar(&i.configMap, "install-config", "tcr-webhook-config", "ConfigMap there that has its configuration")
}

// userAgent is who asks, in the API server's audit.
const userAgent = "kubectl-tcr"

// client calls the API server that the flags name. There is no limit of its
// own to how often: the API server has one.
func (c *command) client() (*kubernetes.Clientset, error) {
	rest, err := c.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	rest.QPS = -1
	rest.UserAgent = userAgent
	return kubernetes.NewForConfig(rest)
}

// errNotInstalled says that there is no configuration in the cluster.
var errNotInstalled = errors.New("no configuration is in force")

// source is a configuration, and where it is from.
type source struct {
	name string
	text []byte
}

// read reads the file, or standard input for "-", or without a file the
// configuration in force.
func (c *command) read(ctx context.Context, file string) (source, error) {
	switch file {
	case "":
		return c.inForce(ctx)
	case "-":
		text, err := io.ReadAll(c.streams.In)
		if err != nil {
			return source{}, fmt.Errorf("read standard input: %w", err)
		}
		return source{"-", text}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return source{}, err // names the file
	}
	return source{file, text}, nil
}

func (c *command) inForce(ctx context.Context) (source, error) {
	client, err := c.client()
	if err != nil {
		return source{}, err
	}
	name := "ConfigMap " + c.install.namespace + "/" + c.install.configMap
	cm, err := client.CoreV1().ConfigMaps(c.install.namespace).Get(ctx, c.install.configMap, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return source{}, fmt.Errorf("%w: there is no %s; give --config a file, or say where it is with --install-namespace and --install-config", errNotInstalled, name)
	case err != nil:
		return source{}, fmt.Errorf("read %s: %w", name, err)
	}
	text, ok := cm.Data[configKey]
	if !ok {
		return source{}, fmt.Errorf("%w: %s has no key %s", errNotInstalled, name, configKey)
	}
	c.compareVersions(ctx, client, defaultDeployment)
	return source{name, []byte(text)}, nil
}

// decode reads the configuration of a source.
func (s source) decode() (*config.Config, error) {
	parsed, err := config.Decode(s.name, s.text)
	if err != nil {
		return nil, fmt.Errorf("the configuration has mistakes:\n%w", err)
	}
	return parsed, nil
}

// status is how matters stand in the cluster; nil if nobody wrote it down.
func (c *command) status(ctx context.Context) (*status.Document, error) {
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	cm, err := client.CoreV1().ConfigMaps(c.install.namespace).Get(ctx, status.ConfigMapName, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // there is none, and that is no error
	case err != nil:
		return nil, fmt.Errorf("read ConfigMap %s/%s: %w", c.install.namespace, status.ConfigMapName, err)
	}
	return status.Decode(cm.Data)
}
