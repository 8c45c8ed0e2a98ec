package cluster

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"

	"k8s.io/client-go/rest"

	"github.com/tcr-webhook/tcr-webhook/test/process"
)

// Options says what Start starts.
type Options struct {
	// Dir is the data folder: certificates, etcd's data, and the logs etcd.log
	// and kube-apiserver.log. It is made if it is missing; removing it, after
	// Stop, is the caller's part. Required, and one cluster's at a time.
	Dir string

	// Binaries is the folder with kube-apiserver and etcd; empty means the one
	// that the function Binaries returns.
	Binaries string

	// Progress is told what happens while binaries are built. It may be nil.
	Progress io.Writer
	// Audit has the API server write down every request and its answer, but
	// for what Secrets hold; see AuditLog.
	Audit bool
	// AuditOnly narrows the audit to what this user asks for, without objects: on
	// a busy cluster the rest costs more than it tells.
	AuditOnly string

	// Controllers says that a kube-controller-manager will run, so that pods need
	// the ServiceAccount that it makes. Who runs it is the caller.
	Controllers bool

	// Address, if set, is one of this machine's besides loopback that the API
	// server listens on too, for nodes and their pods. There is then what a
	// whole cluster has: the Service kubernetes, rights of nodes, and pods that
	// need a ServiceAccount. Who runs nodes and controllers is the caller.
	Address string
}

// Cluster is a running API server with its etcd.
type Cluster struct {
	api   *apiServer
	store *etcd
	admin *rest.Config
	procs []*process.Process // in the order of their start; a stopped API server is none of them
	port  int                // the API server's
	stop  func() error
}

// Start starts a cluster and returns when its API server is ready, about four
// seconds later. ctx bounds the start alone: the cluster then runs until Stop,
// or until this process ends. An error that a log explains names the log and
// quotes its last lines.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if o.Dir == "" {
		return nil, errors.New("start a cluster: Options.Dir is empty; name a folder for its data")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	if o.Binaries == "" {
		dir, err := Binaries(ctx, o.Progress)
		if err != nil {
			return nil, err
		}
		o.Binaries = dir
	}
	c := &Cluster{}
	c.stop = sync.OnceValue(c.stopAll)
	if err := c.start(ctx, o); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, o Options) error {
	var err error
	c.store, err = newEtcd(filepath.Join(o.Binaries, etcdBinary), filepath.Join(o.Dir, etcdBinary))
	if err != nil {
		return err
	}
	c.api, err = newAPIServer(filepath.Join(o.Binaries, apiServerBinary), o)
	if err != nil {
		return err
	}
	err = c.run(ctx, 2, c.store.start)
	if err != nil {
		return err
	}
	err = c.run(ctx, 1, func(ctx context.Context, ports []int) (*process.Process, error) {
		c.port = ports[0]
		return c.api.start(ctx, c.store, ports)
	})
	if err != nil {
		return err
	}
	c.admin, err = c.UserConfig("admin", "system:masters")
	return err
}

// run starts a process with n free ports and keeps it for Stop.
func (c *Cluster) run(ctx context.Context, n int, start process.StartFunc) error {
	p, err := process.OnFreePorts(ctx, n, start)
	if err == nil {
		c.procs = append(c.procs, p)
	}
	return err
}

// Stop stops the API server, then etcd, and returns when both are gone. A
// second call does nothing and returns what the first one did. It is an error
// if one of them had ended before, or had to be killed.
func (c *Cluster) Stop() error { return c.stop() }

func (c *Cluster) stopAll() error {
	var all error
	for i := len(c.procs) - 1; i >= 0; i-- {
		all = errors.Join(all, c.procs[i].Stop())
	}
	return all
}

// Config returns a client configuration of the cluster's administrator, with
// no client-side rate limit.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.admin) }

// UserConfig returns a client configuration of the user name, who may do what
// RBAC grants that name and groups and nothing else; the group
// system:authenticated is everyone's. For a ServiceAccount name is
// system:serviceaccount:NAMESPACE:NAME and groups are system:serviceaccounts
// and system:serviceaccounts:NAMESPACE. No client-side rate limit.
func (c *Cluster) UserConfig(name string, groups ...string) (*rest.Config, error) {
	return c.api.config(name, groups...)
}

// Port is the API server's, on loopback and on Options.Address.
func (c *Cluster) Port() int { return c.port }

// CAFile is the certificate that the API server's is signed by, and those of
// its clients.
func (c *Cluster) CAFile() string { return c.api.file("ca.crt") }

// ServiceAccountKeyFile is the key that tokens of ServiceAccounts are signed
// with.
func (c *Cluster) ServiceAccountKeyFile() string { return c.api.file("service-account.key") }
