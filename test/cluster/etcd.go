package cluster

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/rest"

	"github.com/tcr-webhook/tcr-webhook/test/process"
)

// etcd is a store of one member. It speaks TLS with client certificates of an
// authority that nothing else trusts, so that neither an API server nor a
// health check ever meets another cluster's etcd on a port that changed hands.
type etcd struct {
	binary string
	dir    string // certificates and data; the log lies beside it
	url    string // set by start
}

func newEtcd(binary, dir string) (*etcd, error) {
	pki, err := newAuthority("etcd-ca")
	if err != nil {
		return nil, err
	}
	pair, err := pki.server("etcd")
	if err != nil {
		return nil, err
	}
	e := &etcd{binary: binary, dir: dir}
	return e, writeFiles(dir, map[string][]byte{"ca.crt": pki.pem, "tls.crt": pair.cert, "tls.key": pair.key})
}

// start runs etcd on two ports, for clients and for its peers, which are none,
// and returns when it is healthy.
func (e *etcd) start(ctx context.Context, ports []int) (*process.Process, error) {
	e.url = loopback(ports[0])
	// What an attempt on other ports left there names those ports.
	if err := os.RemoveAll(e.file("data")); err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{
		CAFile: e.file("ca.crt"), CertFile: e.file("tls.crt"), KeyFile: e.file("tls.key"),
	}})
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	p, err := process.Launch(process.Server(etcdBinary, e.binary, e.dir+".log", e.args(loopback(ports[1]))))
	if err != nil {
		return nil, err
	}
	return p, p.Await(ctx, func(ctx context.Context) error { return process.Get(ctx, client, e.url+"/health") })
}

func (e *etcd) file(name string) string { return filepath.Join(e.dir, name) }

func (e *etcd) args(peerURL string) []string {
	return []string{
		"--data-dir=" + e.file("data"),
		"--listen-client-urls=" + e.url,
		"--advertise-client-urls=" + e.url,
		"--listen-peer-urls=" + peerURL,
		"--initial-advertise-peer-urls=" + peerURL,
		"--initial-cluster=default=" + peerURL,
		"--client-cert-auth",
		"--trusted-ca-file=" + e.file("ca.crt"),
		"--cert-file=" + e.file("tls.crt"),
		"--key-file=" + e.file("tls.key"),
		"--peer-client-cert-auth",
		"--peer-trusted-ca-file=" + e.file("ca.crt"),
		"--peer-cert-file=" + e.file("tls.crt"),
		"--peer-key-file=" + e.file("tls.key"),
		// The only member waits this long before it elects itself; the default,
		// a second, is for members that must hear of each other first.
		"--heartbeat-interval=10",
		"--election-timeout=100",
		"--unsafe-no-fsync", // the data has to be fast, not to survive a crash
	}
}

func loopback(port int) string { return "https://127.0.0.1:" + strconv.Itoa(port) }
