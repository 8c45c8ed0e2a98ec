package cluster

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// recipe is everything that decides what the built binaries are.
type recipe struct {
	name     string // of the project, as in the folder's name
	module   string // folder of the module that pins them
	version  string // of the project, as v1.37.2
	sum      []byte // go.mod and go.sum
	programs []program
}

// program is one binary and how it is built.
type program struct {
	name    string // of the file
	pkg     string
	version string
	ldflags string
	tags    string
	cost    string // of a first build on two cores, for the reader who waits
}

// newRecipe is one of no programs yet, for the version of pkg that the module in
// dir pins. The module's go.mod goes with it.
func newRecipe(name, dir, pkg string) (r recipe, gomod []byte, err error) {
	gomod, err = os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return recipe{}, nil, err
	}
	gosum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		return recipe{}, nil, err
	}
	version, err := versionOf(gomod, pkg)
	return recipe{name: name, module: dir, version: version, sum: bytes.Join([][]byte{gomod, gosum}, nil)}, gomod, err
}

// kubernetesRecipe is that of the API server and what goes with it, from the
// module in dir.
func kubernetesRecipe(dir string) (recipe, error) {
	r, gomod, err := newRecipe("kubernetes", dir, "k8s.io/kubernetes")
	if err != nil {
		return recipe{}, err
	}
	etcd, err := versionOf(gomod, "go.etcd.io/etcd/server/v3")
	if err != nil {
		return recipe{}, err
	}
	stamped := versionFlags(r.version)
	r.programs = []program{
		{name: apiServerBinary, pkg: "k8s.io/kubernetes/cmd/kube-apiserver", version: r.version, ldflags: stamped, cost: "about 5 minutes"},
		{name: etcdBinary, pkg: "go.etcd.io/etcd/server/v3", version: etcd, ldflags: "-s -w", cost: "about 20 seconds"},
		{name: kubectlBinary, pkg: "k8s.io/kubernetes/cmd/kubectl", version: r.version, ldflags: stamped, cost: "about 40 seconds"},
	}
	return r, nil
}

// withControllers adds what makes pods and puts them on nodes to a recipe of
// Kubernetes. They lie in the same folder, whose name does not tell of them:
// what changes them changes the API server as well.
func (r recipe) withControllers() recipe {
	return r.with(
		program{name: "kube-controller-manager", cost: "about 3 minutes"},
		program{name: "kube-scheduler", cost: "about 10 seconds"},
	)
}

// withNode adds what a node runs as well.
func (r recipe) withNode() recipe {
	return r.withControllers().with(
		program{name: "kubelet", cost: "about 30 seconds"},
		program{name: "kube-proxy", cost: "about 10 seconds"},
	)
}

// with adds programs of Kubernetes.
func (r recipe) with(more ...program) recipe {
	stamped := versionFlags(r.version)
	for _, p := range more {
		p.pkg, p.version, p.ldflags = "k8s.io/kubernetes/cmd/"+p.name, r.version, stamped
		r.programs = append(slices.Clip(r.programs), p)
	}
	return r
}

// containerdTags leave out what a node of a test has no use for, and what would
// need C.
const containerdTags = "urfave_cli_no_docs,osusergo,netgo,static_build,no_btrfs,no_devmapper,no_zfs,no_aufs"

// containerdRecipe is that of the container runtime, from the module in dir.
func containerdRecipe(dir string) (recipe, error) {
	r, _, err := newRecipe("containerd", dir, "github.com/containerd/containerd/v2")
	if err != nil {
		return recipe{}, err
	}
	for _, p := range []program{
		{name: "containerd", tags: containerdTags, cost: "about 2 minutes"},
		{name: "containerd-shim-runc-v2", tags: containerdTags + ",no_grpc", cost: "seconds"},
		{name: "ctr", tags: containerdTags, cost: "seconds"},
	} {
		p.pkg, p.version, p.ldflags = "github.com/containerd/containerd/v2/cmd/"+p.name, r.version, "-s -w"
		r.programs = append(r.programs, p)
	}
	return r, nil
}

// kwokRecipe is that of KWOK, from the module in dir.
func kwokRecipe(dir string) (recipe, error) {
	const pkg = "sigs.k8s.io/kwok"
	r, _, err := newRecipe("kwok", dir, pkg)
	if err != nil {
		return recipe{}, err
	}
	r.programs = []program{{name: "kwok", pkg: pkg + "/cmd/kwok", version: r.version, ldflags: "-s -w", cost: "about 2 minutes"}}
	return r, nil
}

// helmRecipe is that of Helm, from the module in dir.
func helmRecipe(dir string) (recipe, error) {
	const pkg = "helm.sh/helm/v4"
	r, _, err := newRecipe("helm", dir, pkg)
	if err != nil {
		return recipe{}, err
	}
	r.programs = []program{{name: "helm", pkg: pkg + "/cmd/helm", version: r.version, ldflags: "-s -w", cost: "about 2 minutes"}}
	return r, nil
}

// versionFlags stamps version, as v1.37.2, the way Kubernetes' own build does.
// Without it the API server calls itself v0.0.0 and clients refuse it.
func versionFlags(version string) string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	flags := []string{"-s", "-w"}
	for _, pkg := range []string{"k8s.io/client-go/pkg/version", "k8s.io/component-base/version"} {
		for _, v := range []string{"gitVersion=" + version, "gitMajor=" + major, "gitMinor=" + minor, "gitTreeState=clean"} {
			flags = append(flags, "-X", pkg+"."+v)
		}
	}
	return strings.Join(flags, " ")
}

// folder names the folder for the binaries. It changes with anything that
// changes them, so binaries of different branches and of a container that
// shares the checkout lie side by side.
func (r recipe) folder() string {
	h := sha256.New()
	h.Write(r.sum)
	for _, p := range r.programs {
		fmt.Fprintln(h, p.name, p.pkg, p.ldflags)
		if p.tags != "" {
			fmt.Fprintln(h, p.tags)
		}
	}
	fmt.Fprintln(h, runtime.GOOS, runtime.GOARCH)
	return fmt.Sprintf("%s-%s-%s", r.name, r.version, hex.EncodeToString(h.Sum(nil))[:8])
}
