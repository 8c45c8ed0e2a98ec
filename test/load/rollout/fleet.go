package main

import (
	"context"
	"crypto/tls"
	_ "embed"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/process"
)

//go:embed stages.yaml
var stages []byte

// fleet is what a cluster has besides its API server: who makes pods, who puts
// them on nodes, and who plays the nodes.
type fleet struct {
	cluster *cluster.Cluster
	options
	dir   string
	procs []*process.Process
}

// Their defaults let through twenty requests a second, which is what a roll-out
// would measure.
var unhurried = []string{"--kube-api-qps=5000", "--kube-api-burst=10000", "--leader-elect=false", "--bind-address=127.0.0.1"}

// startFleet starts it. What there is of it is returned with an error, too.
func startFleet(ctx context.Context, c *cluster.Cluster, o options, dir string) (*fleet, error) {
	f := &fleet{cluster: c, options: o, dir: dir}
	for _, start := range []process.StartFunc{f.controllerManager, f.scheduler, f.startKwok} {
		p, err := process.OnFreePorts(ctx, 1, start)
		if err != nil {
			return f, err
		}
		f.procs = append(f.procs, p)
	}
	return f, nil
}

func (f *fleet) stop() (err error) {
	for i := len(f.procs) - 1; i >= 0; i-- {
		err = errors.Join(err, f.procs[i].Stop())
	}
	return err
}

// controllerManager does as much at once as that of a large cluster. It takes
// ten minutes of silence before a node counts as lost, since one of 2,000 that
// says every ten seconds that it is alive keeps a tenth of this machine busy.
func (f *fleet) controllerManager(ctx context.Context, ports []int) (*process.Process, error) {
	kubeconfig, err := f.kubeconfig("system:kube-controller-manager")
	if err != nil {
		return nil, err
	}
	args := append(authenticated(kubeconfig), unhurried...)
	return f.launch(ctx, filepath.Join(f.kubernetes, "kube-controller-manager"), "https", ports[0], append(args,
		"--secure-port="+strconv.Itoa(ports[0]), "--service-account-private-key-file="+f.cluster.ServiceAccountKeyFile(),
		"--root-ca-file="+f.cluster.CAFile(), "--use-service-account-credentials=true", "--node-monitor-grace-period=10m",
		"--concurrent-deployment-syncs=20", "--concurrent-replicaset-syncs=20", "--concurrent-gc-syncs=20",
	))
}

func (f *fleet) scheduler(ctx context.Context, ports []int) (*process.Process, error) {
	kubeconfig, err := f.kubeconfig("system:kube-scheduler")
	if err != nil {
		return nil, err
	}
	args := append(authenticated(kubeconfig), unhurried...)
	return f.launch(ctx, filepath.Join(f.kubernetes, "kube-scheduler"), "https", ports[0], append(args, "--secure-port="+strconv.Itoa(ports[0])))
}

// leaseSeconds is how long a node's lease lasts: a quarter of it passes between
// two signs of life.
const leaseSeconds = 400

// startKwok starts KWOK.
func (f *fleet) startKwok(ctx context.Context, ports []int) (*process.Process, error) {
	kubeconfig, err := f.kubeconfig("kwok", "system:masters")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(f.dir, "stages.yaml")
	if err := os.WriteFile(config, stages, 0o600); err != nil {
		return nil, err
	}
	return f.launch(ctx, filepath.Join(f.kwok, "kwok"), "http", ports[0], []string{
		"--config=" + config, "--kubeconfig=" + kubeconfig, "--manage-all-nodes", "--cidr=10.128.0.0/9",
		"--node-lease-duration-seconds=" + strconv.Itoa(leaseSeconds), "--server-address=127.0.0.1:" + strconv.Itoa(ports[0]),
	})
}

// kubeconfig writes one of a user of the cluster and returns its path.
func (f *fleet) kubeconfig(user string, groups ...string) (string, error) {
	config, err := f.cluster.UserConfig(user, groups...)
	if err != nil {
		return "", err
	}
	path := filepath.Join(f.dir, filepath.Base(user)+".kubeconfig")
	return path, cluster.WriteKubeconfig(path, config)
}

func authenticated(kubeconfig string) []string {
	return []string{"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig}
}

// launch starts a program and returns when it says that it is well.
func (f *fleet) launch(ctx context.Context, path, scheme string, port int, args []string) (*process.Process, error) {
	name := filepath.Base(path)
	command := process.Server(name, path, filepath.Join(f.dir, name+".log"), args)
	command.Env = []string{"HOME=" + f.dir}
	p, err := process.Launch(command)
	if err != nil {
		return nil, err
	}
	// Its certificate is its own, and what it answers no secret.
	caller := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}} //nolint:gosec // see above
	return p, p.Await(ctx, func(ctx context.Context) error {
		return process.Get(ctx, caller, scheme+"://127.0.0.1:"+strconv.Itoa(port)+"/healthz")
	})
}
