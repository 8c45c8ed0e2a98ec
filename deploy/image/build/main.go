// Command build makes the container image, without a container engine: an OCI
// image layout in a folder, for amd64 and arm64, with what it is made of. With
// --push it goes to a registry, too, by the login in Docker's configuration.
//
//	go run ./deploy/image/build --title registry.example.com/tcr-webhook:v1 --push
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/pflag"

	"github.com/tcr-webhook/tcr-webhook/deploy/image"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "build the image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := pflag.NewFlagSet("build", pflag.ContinueOnError)
	output := flags.String("output", filepath.Join("bin", "image"), "folder for the image layout and the lists of what it is made of; replaced as a whole")
	title := flags.String("title", "tcr-webhook:dev", "what the image is called, as in registry.example.com/tcr-webhook:v1")
	push := flags.Bool("push", false, "also push it to where its title says")
	only := flags.StringSlice("platform", nil, "platforms, as in linux/amd64 (default: all)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	platforms, err := choose(*only)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "compiling (minutes for a platform that was not compiled for before) ...")
	release, err := image.Build(ctx, ".", platforms)
	if err != nil {
		return err
	}
	if err := release.WriteLayout(*output, *title); err != nil {
		return err
	}
	if err := report(release, *output); err != nil || !*push {
		return err
	}
	digest, err := release.Push(ctx, *title)
	if err == nil {
		fmt.Println("pushed", *title+"@"+digest)
	}
	return err
}

// choose reads platforms as the user names them.
func choose(names []string) ([]v1.Platform, error) {
	if len(names) == 0 {
		return image.Platforms(), nil
	}
	var chosen []v1.Platform
	for _, name := range names {
		p, err := v1.ParsePlatform(name)
		if err != nil {
			return nil, fmt.Errorf("--platform %s: %w", name, err)
		}
		chosen = append(chosen, *p)
	}
	return chosen, nil
}

func report(release image.Release, output string) error {
	for _, p := range release.Parts {
		size, err := p.Size()
		if err != nil {
			return err
		}
		digest, err := p.Image.Digest()
		if err != nil {
			return err
		}
		fmt.Printf("%-12s %5.1f MB compressed  %s\n", p.Platform, float64(size)/1e6, digest)
	}
	digest, err := release.Index.Digest()
	fmt.Printf("%-12s in %s\n             as   %s\n", "all", filepath.Join(output, "layout"), digest)
	return err
}
