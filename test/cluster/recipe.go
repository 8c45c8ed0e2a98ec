package cluster

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// recipe is everything that decides what the built binaries are.
type recipe struct {
	module   string // folder of the module that pins them
	version  string // of Kubernetes, as v1.37.2
	sum      []byte // go.mod and go.sum
	programs []program
}

// program is one binary and how it is built.
type program struct {
	name    string // of the file
	pkg     string
	version string
	ldflags string
	cost    string // of a first build on two cores, for the reader who waits
}

// kubernetesRecipe reads the versions from the module in dir.
func kubernetesRecipe(dir string) (recipe, error) {
	gomod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return recipe{}, err
	}
	gosum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		return recipe{}, err
	}
	kubernetes, err := versionOf(gomod, "k8s.io/kubernetes")
	if err != nil {
		return recipe{}, err
	}
	etcd, err := versionOf(gomod, "go.etcd.io/etcd/server/v3")
	if err != nil {
		return recipe{}, err
	}
	stamped := versionFlags(kubernetes)
	return recipe{
		module:  dir,
		version: kubernetes,
		sum:     bytes.Join([][]byte{gomod, gosum}, nil),
		programs: []program{
			{apiServerBinary, "k8s.io/kubernetes/cmd/kube-apiserver", kubernetes, stamped, "about 5 minutes"},
			{etcdBinary, "go.etcd.io/etcd/server/v3", etcd, "-s -w", "about 20 seconds"},
			{kubectlBinary, "k8s.io/kubernetes/cmd/kubectl", kubernetes, stamped, "about 40 seconds"},
		},
	}, nil
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
	}
	fmt.Fprintln(h, runtime.GOOS, runtime.GOARCH)
	return fmt.Sprintf("kubernetes-%s-%s", r.version, hex.EncodeToString(h.Sum(nil))[:8])
}
