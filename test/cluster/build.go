package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/process"
)

// tickEvery is how often a build says that it is still going on.
const tickEvery = 15 * time.Second

// build makes the binaries that dir lacks. Each appears whole or not at all.
func (r recipe) build(ctx context.Context, dir string, progress io.Writer) error {
	if len(r.missing(dir)) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	unlock, err := lock(ctx, filepath.Join(dir, ".lock"), progress)
	if err != nil {
		return err
	}
	defer unlock()
	for _, p := range r.missing(dir) {
		if err := r.buildOne(ctx, p, dir, progress); err != nil {
			return err
		}
	}
	return nil
}

func (r recipe) missing(dir string) []program {
	var missing []program
	for _, p := range r.programs {
		if executable(filepath.Join(dir, p.name)) != nil {
			missing = append(missing, p)
		}
	}
	return missing
}

// buildOne builds p under a name that nobody looks for and renames it when it
// is complete. Its log stays only if it fails.
func (r recipe) buildOne(ctx context.Context, p program, dir string, progress io.Writer) error {
	fmt.Fprintf(progress, "building %s %s (%s the first time) ...\n", p.name, p.version, p.cost)
	goTool, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("build %s: %w", p.name, err)
	}
	started := time.Now()
	unfinished := filepath.Join(dir, "."+p.name+".unfinished")
	log := filepath.Join(dir, p.name+".build.log")
	proc, err := process.Launch(process.Command{
		Name: "go build of " + p.name,
		Path: goTool,
		// Each flag is named, for GOFLAGS may say otherwise.
		Args: []string{"build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-tags", p.tags, "-ldflags", p.ldflags, "-o", unfinished, p.pkg},
		Dir:  r.module,
		Env:  append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH),
		Log:  log,
		// Upon SIGINT the go command stops its compilers and removes its
		// temporary folder; upon SIGTERM it does neither.
		Quit:     syscall.SIGINT,
		Orphaned: syscall.SIGINT,
	})
	if err != nil {
		return err
	}
	if err := waitForBuild(ctx, proc, p, started, progress); err != nil {
		return errors.Join(err, os.RemoveAll(unfinished))
	}
	if err := os.Rename(unfinished, filepath.Join(dir, p.name)); err != nil {
		return err
	}
	fmt.Fprintf(progress, "built %s %s in %s\n", p.name, p.version, elapsed(started))
	return os.Remove(log)
}

// waitForBuild returns when proc has ended, stopping it when ctx does.
func waitForBuild(ctx context.Context, proc *process.Process, p program, started time.Time, progress io.Writer) error {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-proc.Done:
			if proc.Err != nil {
				return proc.ExitError()
			}
			return nil
		case <-tick.C:
			fmt.Fprintf(progress, "  still building %s, %s so far\n", p.name, elapsed(started))
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("build %s: %w", p.name, context.Cause(ctx)), proc.Stop())
		}
	}
}

func elapsed(since time.Time) time.Duration {
	return time.Since(since).Round(time.Second)
}
