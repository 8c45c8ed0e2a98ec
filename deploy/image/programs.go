package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// programs are the packages that go into the image, in the order of their
// layers: what changes least comes first.
func programs() []string { return []string{"tcr-hosts", entrypoint} }

// entrypoint is the program that the image runs.
const entrypoint = "tcr-webhook"

// compile builds the programs of a checkout for a platform into dir. What the
// caller's environment says of flags, processors and workspaces does not count,
// and neither does where the checkout lies.
func compile(ctx context.Context, checkout, dir string, platform v1.Platform) error {
	args := []string{"build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)}
	for _, p := range programs() {
		args = append(args, "./cmd/"+p)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = checkout
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off",
		"GOOS="+platform.OS, "GOARCH="+platform.Architecture, "GOAMD64=v1", "GOARM64=v8.0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %v for %s: %w\n%s", programs(), platform, err, out)
	}
	return nil
}
