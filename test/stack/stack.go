// Package stack runs the whole system on loopback for tests and for the demo:
// a real API server with the project's manifests, what stands in for Tencent
// Cloud with its registry, and tcr-webhook as a process of its own that has no
// more rights than its manifests give it.
package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/tcr-webhook/tcr-webhook/test/chart"
	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/pki"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
	"github.com/tcr-webhook/tcr-webhook/test/stack/service"
)

// The instance that every stack begins with.
const (
	InstanceID   = "tcr-m3ut3qxx"
	InstanceName = "demo"
	PublicHost   = "demo.tencentcloudcr.com"
	PrivateHost  = "demo-vpc.tencentcloudcr.com"
)

// DefaultConfig serves that instance everywhere, by the private route.
// ENDPOINT stands for the emulator's, and STSURL may for its STS.
const DefaultConfig = `apiVersion: tcr-webhook.io/v1alpha1
kind: Config
tencentCloud:
  region: ap-guangzhou
  identity: SecretKey
  endpoint: ENDPOINT
registries:
- instance: tcr-m3ut3qxx
  namespaces: ["*", "!no-tcr"]
  route: Private
`

// Options say what Start starts.
type Options struct {
	// Dir holds everything that is written; removing it, after Stop, is the
	// caller's part. Required.
	Dir string
	// Binary is tcr-webhook, as from Build. Required.
	Binary string
	// Config replaces DefaultConfig.
	Config string
	// Values are those of the chart that differ from deploy/install.yaml's.
	Values chart.Values
	// Certs is who makes the certificate, as --certs has it: self by default. With
	// provided it is the stack, which writes the caBundle as well.
	Certs string
	// Before, if set, changes the cluster before anything is installed in it.
	Before func(context.Context, *cluster.Cluster) error
	// Mount, if set, fills the folder of the mounted certificate as a kubelet does,
	// and returns when it is filled. The caBundle is then whoever's makes it.
	Mount func(ctx context.Context, dir string) error
	// Flags are further flags of tcr-webhook.
	Flags []string
	// Env is the environment of tcr-webhook, such as TKE gives to a pod with an
	// identity.
	Env []string
	// Replicas is how many processes of tcr-webhook there are, one by default.
	// Several are behind a Service.
	Replicas int
	// Prepare, if set, changes the emulator before tcr-webhook starts.
	Prepare func(*tencent.Cloud)
	// Now is the emulator's clock; nil is the real one.
	Now func() time.Time
	// Audit has the API server write down what it is asked and answers.
	Audit bool
	// Cluster, if set, changes how the cluster is started.
	Cluster func(*cluster.Options)
	// Detour, if set, is told where the API server is, as host:port, and returns
	// where the replicas are to reach it instead: at somebody who counts.
	Detour func(address string) (string, error)
	// Accounts has the API server see to the ServiceAccounts of pods, as it does
	// wherever controllers make them: without its own, no pod is created.
	Accounts bool
	// Progress is told what happens. It may be nil.
	Progress io.Writer
}

// Stack is the running system.
type Stack struct {
	Cluster *cluster.Cluster
	Cloud   *tencent.Cloud
	// Servers are the replicas, and Server is the first of them.
	Servers []*Server
	Server  *Server
	// Client acts as the cluster's administrator.
	Client client.WithWatch

	dir     string
	values  chart.Values
	certs   string
	address string // of the webhook, for the API server
	// endpoints are the replicas that calls go to, where there are several.
	endpoints service.Service
	audited   bool
	ca        *pki.CA        // of its certificate, if it is the stack's
	stop      []func() error // in the order of start
	once      sync.Once
	err       error
}

// Start starts the system and returns when tcr-webhook is registered. ctx
// bounds the start; the system runs until Stop.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Config == "" {
		o.Config = DefaultConfig
	}
	o.Replicas, o.Certs = max(o.Replicas, 1), cmp.Or(o.Certs, "self")
	s := &Stack{dir: o.Dir, values: o.Values, certs: o.Certs, audited: o.Audit}
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context, o Options) error {
	say := func(what string) { _, _ = fmt.Fprintln(o.Progress, what) }
	say("starting what stands in for Tencent Cloud, with a real registry")
	if err := s.startCloud(ctx, o); err != nil {
		return err
	}
	say("starting etcd and kube-apiserver")
	if err := s.startCluster(ctx, o); err != nil {
		return err
	}
	if o.Before != nil {
		if err := o.Before(ctx, s.Cluster); err != nil {
			return err
		}
	}
	say("applying what deploy/chart renders")
	if err := s.applyInstall(ctx); err != nil {
		return err
	}
	say("starting tcr-webhook")
	if err := s.startServers(ctx, o); err != nil {
		return err
	}
	say("applying its registrations")
	return s.Register(ctx, nil)
}

func (s *Stack) startCloud(ctx context.Context, o Options) error {
	cloud, err := tencent.Start(context.WithoutCancel(ctx), tencent.Options{Now: o.Now})
	if err != nil {
		return fmt.Errorf("start emulator: %w", err)
	}
	s.Cloud = cloud
	s.stop = append(s.stop, cloud.Close)
	cloud.AddInstance(tencent.Instance{ID: InstanceID, Name: InstanceName})
	if o.Prepare != nil {
		o.Prepare(cloud)
	}
	return nil
}

func (s *Stack) startCluster(ctx context.Context, o Options) error {
	options := cluster.Options{Dir: filepath.Join(s.dir, "cluster"), Progress: o.Progress, Audit: o.Audit, Controllers: o.Accounts}
	if o.Cluster != nil {
		o.Cluster(&options)
	}
	c, err := cluster.Start(ctx, options)
	if err != nil {
		return fmt.Errorf("start cluster: %w", err)
	}
	s.Cluster = c
	s.stop = append(s.stop, c.Stop)
	log.SetLogger(logr.Discard()) // or controller-runtime complains that nobody chose one
	s.Client, err = client.NewWithWatch(c.Config(), client.Options{})
	return err
}

// WriteConfig replaces the configuration that tcr-webhook watches, whole and
// at once, as the kubelet does with a mounted ConfigMap.
func (s *Stack) WriteConfig(text string) error {
	text = strings.NewReplacer("ENDPOINT", s.Cloud.Endpoint(), "STSURL", s.Cloud.STSURL()).Replace(text)
	fresh := s.path("config.yaml.new")
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, s.path("config.yaml"))
}

func (s *Stack) path(name string) string { return filepath.Join(s.dir, name) }

// Stop stops everything, the last started first. A second call does nothing
// and returns what the first one did.
func (s *Stack) Stop() error {
	s.once.Do(func() {
		for i := len(s.stop) - 1; i >= 0; i-- {
			s.err = errors.Join(s.err, s.stop[i]())
		}
	})
	return s.err
}
