package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// checkout is the root of the project, from where bench runs.
const checkout = "../.."

// measureImage is the size of the image for this machine's processor, in MB as a
// registry holds it.
func measureImage(ctx context.Context) (size float64, err error) {
	dir, err := os.MkdirTemp("", "tcr-webhook-image-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var told bytes.Buffer
	build := exec.CommandContext(ctx, "go", "run", "./deploy/image/build", "--platform", "linux/"+runtime.GOARCH, "--output", dir+"/image")
	build.Dir, build.Stdout, build.Stderr = checkout, &told, os.Stderr
	if err := build.Run(); err != nil {
		return 0, fmt.Errorf("build the image: %w", err)
	}
	var platform string
	if _, err := fmt.Fscanf(&told, "%s %f MB", &platform, &size); err != nil {
		return 0, fmt.Errorf("read the size of the image: %w", err)
	}
	return size, nil
}
