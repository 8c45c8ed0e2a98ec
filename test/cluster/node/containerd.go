//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/tcr-webhook/tcr-webhook/deploy/image"
	"github.com/tcr-webhook/tcr-webhook/test/process"
)

// sandboxImage is never pulled.
const sandboxImage = "node.test/pause:1"

// containerd is the runtime, with registries as RouteRegistry tells it.
type containerd struct{ binaries, dir string }

func newContainerd(binaries string) *containerd {
	return &containerd{binaries: binaries, dir: filepath.Join(data, "containerd")}
}

func (c *containerd) socket() string { return filepath.Join(c.dir, "containerd.sock") }

// config has the memory score of a container bounded, since who starts a test
// may not be allowed to lower it.
func (c *containerd) config() string {
	bridge := need{name: "bridge", in: cniFolders}
	return fmt.Sprintf(`version = 3
root = "%[1]s/root"
state = "%[1]s/state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]
[grpc]
  address = "%[2]s"
[plugins."io.containerd.cri.v1.images"]
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "%[3]s"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "%[4]s"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["%[5]s"]
    conf_dir = "%[1]s/cni"
`, c.dir, c.socket(), sandboxImage, registries, filepath.Dir(bridge.find()))
}

// podNetworkConfig bridges pods to each other and to the node.
const podNetworkConfig = `{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "` + data + `/cni", "ranges": [[{"subnet": "` + podNetwork + `"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}
]}`

// start returns when the sandbox's image is there.
func (c *containerd) start(ctx context.Context) (*process.Process, error) {
	if err := errors.Join(os.MkdirAll(filepath.Join(c.dir, "cni"), 0o755), os.MkdirAll(registries, 0o755),
		os.WriteFile(filepath.Join(c.dir, "config.toml"), []byte(c.config()), 0o644),
		os.WriteFile(filepath.Join(c.dir, "cni", "10-pods.conflist"), []byte(podNetworkConfig), 0o644)); err != nil {
		return nil, err
	}
	command := process.Server("containerd", filepath.Join(c.binaries, "containerd"), logFile("containerd"),
		[]string{"--config", filepath.Join(c.dir, "config.toml")})
	command.Env = []string{"PATH=" + c.binaries + ":" + os.Getenv("PATH")} // its shim and runc
	p, err := process.Launch(command)
	if err != nil {
		return nil, err
	}
	err = p.Await(ctx, func(ctx context.Context) error { return c.ctr(ctx, "version") })
	if err != nil {
		return nil, err
	}
	return p, c.importSandbox(ctx)
}

// ctr runs containerd's own client.
func (c *containerd) ctr(ctx context.Context, args ...string) error {
	args = append([]string{"--address", c.socket(), "--namespace", "k8s.io"}, args...)
	if out, err := exec.CommandContext(ctx, filepath.Join(c.binaries, "ctr"), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ctr %v: %w: %s", args, err, out)
	}
	return nil
}

func (c *containerd) importSandbox(ctx context.Context) error {
	img, err := ProgramImage(filepath.Join(Dir(), pauseBinary))
	if err != nil {
		return err
	}
	tag, err := name.NewTag(sandboxImage)
	if err != nil {
		return err
	}
	archive := filepath.Join(data, "pause.tar")
	if err := tarball.WriteToFile(archive, tag, img); err != nil {
		return err
	}
	return c.ctr(ctx, "images", "import", archive)
}

// ProgramImage is an image of a program, such as Compile makes, and of files.
func ProgramImage(path string, files ...image.File) (v1.Image, error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	base := filepath.Base(path)
	return image.Image(v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, time.Unix(0, 0),
		v1.Config{Entrypoint: []string{"/" + base}},
		append([]image.File{{Path: base, Mode: 0o755, Content: program}}, files...))
}

// registries is where containerd looks how to reach a registry, at each pull.
const registries = data + "/registries"

// RouteRegistry has containerd reach the registry of a host, as it stands in
// image references, at a URL; ca is the certificate to trust for it, if any.
func RouteRegistry(host, url string, ca []byte) error {
	dir := filepath.Join(registries, host)
	toml := fmt.Sprintf("server = %q\n[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", url, url)
	if len(ca) > 0 {
		toml += fmt.Sprintf("  ca = %q\n", filepath.Join(dir, "ca.crt"))
	}
	return errors.Join(
		os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "ca.crt"), ca, 0o644),
		os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(toml), 0o644),
	)
}
