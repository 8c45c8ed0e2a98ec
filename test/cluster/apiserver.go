package cluster

import (
	"cmp"
	"context"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/rest"

	"github.com/tcr-webhook/tcr-webhook/test/process"
)

// apiServer is a kube-apiserver on an etcd of its own.
type apiServer struct {
	binary string
	dir    string // certificates; the log lies beside it
	pki    *authority
	audit  bool
	nodes  string // address for nodes; empty: there are none
	full   bool   // there are controllers
	url    string // set by start
}

// ServiceIP is the address of the Service kubernetes in a cluster with nodes,
// the first one of its Services.
const ServiceIP = "10.96.0.1"

// auditPolicy has everything in full but what Secrets hold.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, resources: [{group: "", resources: [secrets]}]}
- {level: RequestResponse}
`

// auditPolicyOf has one user's requests and nothing of what they hold.
func auditPolicyOf(user string) string {
	return `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, users: ["` + user + `"]}
- {level: None}
`
}

func newAPIServer(binary string, o Options) (*apiServer, error) {
	pki, err := newAuthority("kubernetes-ca")
	if err != nil {
		return nil, err
	}
	pair, err := pki.server("kube-apiserver", "kubernetes.default.svc", ServiceIP, cmp.Or(o.Address, ServiceIP))
	if err != nil {
		return nil, err
	}
	kubelets, err := pki.client("kube-apiserver", "system:masters")
	if err != nil {
		return nil, err
	}
	signing, err := newSigningKey()
	if err != nil {
		return nil, err
	}
	policy := auditPolicy
	if o.AuditOnly != "" {
		policy = auditPolicyOf(o.AuditOnly)
	}
	a := &apiServer{
		binary: binary, dir: filepath.Join(o.Dir, apiServerBinary), pki: pki,
		audit: o.Audit || o.AuditOnly != "", nodes: o.Address, full: o.Controllers,
	}
	return a, writeFiles(a.dir, map[string][]byte{
		"ca.crt": pki.pem, "tls.crt": pair.cert, "tls.key": pair.key, "service-account.key": signing,
		"kubelets.crt": kubelets.cert, "kubelets.key": kubelets.key,
		"audit-policy.yaml": []byte(policy),
	})
}

// start runs the API server on one port and returns when it is ready and the
// default namespace, the last of those it makes for itself, is there.
func (a *apiServer) start(ctx context.Context, store *etcd, ports []int) (*process.Process, error) {
	a.url = loopback(ports[0])
	admin, err := a.config("cluster-start", "system:masters")
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(admin)
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	c := process.Server(apiServerBinary, a.binary, a.dir+".log", a.args(store, ports[0]))
	c.Append = true
	p, err := process.Launch(c)
	if err != nil {
		return nil, err
	}
	return p, p.Await(ctx, func(ctx context.Context) error {
		if err := process.Get(ctx, client, a.url+"/readyz"); err != nil {
			return err
		}
		return process.Get(ctx, client, a.url+"/api/v1/namespaces/default")
	})
}

// config is a client of the API server who is the user name in groups.
func (a *apiServer) config(name string, groups ...string) (*rest.Config, error) {
	pair, err := a.pki.client(name, groups...)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host:            a.url,
		TLSClientConfig: rest.TLSClientConfig{CAData: a.pki.pem, CertData: pair.cert, KeyData: pair.key},
		QPS:             -1, // no limit of the client's own
	}, nil
}

func (a *apiServer) file(name string) string { return filepath.Join(a.dir, name) }

// auditLog is the file that the audit goes to.
func (a *apiServer) auditLog() string { return a.dir + "-audit.log" }

func (a *apiServer) args(store *etcd, port int) []string {
	args := []string{
		"--etcd-servers=" + store.url,
		"--etcd-cafile=" + store.file("ca.crt"),
		"--etcd-certfile=" + store.file("tls.crt"),
		"--etcd-keyfile=" + store.file("tls.key"),
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + a.file("tls.crt"),
		"--tls-private-key-file=" + a.file("tls.key"),
		"--client-ca-file=" + a.file("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file=" + a.file("service-account.key"),
		"--service-account-key-file=" + a.file("service-account.key"),
		"--allow-privileged=true",
		"--profiling=false",
	}
	if a.nodes == "" {
		args = append(args, a.aloneArgs()...)
	} else {
		args = append(args, a.nodesArgs()...)
	}
	if a.audit {
		args = append(args, "--audit-policy-file="+a.file("audit-policy.yaml"), "--audit-log-path="+a.auditLog())
	}
	return args
}

// aloneArgs are for an API server that is on loopback alone.
func (a *apiServer) aloneArgs() []string {
	args := []string{
		"--bind-address=127.0.0.1",
		// Else it looks for an interface that is not loopback, and a machine
		// without a network has none. Nor may the address become the endpoint
		// of the Service kubernetes, since no endpoint may be loopback.
		"--advertise-address=127.0.0.1",
		"--endpoint-reconciler-type=none",
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24",
	}
	if !a.full {
		// It refuses every pod of a namespace without a default ServiceAccount,
		// and the controller-manager that would make one does not run.
		args = append(args, "--disable-admission-plugins=ServiceAccount")
	}
	return args
}

// nodesArgs are for a cluster with nodes, as kubeadm sets them up.
func (a *apiServer) nodesArgs() []string {
	return []string{
		"--bind-address=0.0.0.0",
		"--advertise-address=" + a.nodes,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--kubelet-client-certificate=" + a.file("kubelets.crt"),
		"--kubelet-client-key=" + a.file("kubelets.key"),
		"--kubelet-preferred-address-types=InternalIP",
	}
}
