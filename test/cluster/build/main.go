// Command build makes the binaries that test/cluster starts, unless they are
// there, and prints the folder they lie in. `go test` hides what a test prints
// until the test is over; this shows that the first build is getting on. With
// --node it makes those of test/cluster/node too, and prints both folders.
//
//	KUBEBUILDER_ASSETS=$(go run ./test/cluster/build) go test ./...
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
)

func main() {
	node := pflag.Bool("node", false, "also what a node runs: kubelet, containerd and what goes with them")
	pflag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := build(ctx, *node)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "build the Kubernetes binaries:", err)
		os.Exit(1)
	}
}

func build(ctx context.Context, node bool) error {
	if node {
		kubernetes, containerd, err := cluster.NodeBinaries(ctx, os.Stderr)
		if err == nil {
			fmt.Println(kubernetes)
			fmt.Println(containerd)
		}
		return err
	}
	dir, err := cluster.Binaries(ctx, os.Stderr)
	if err == nil {
		fmt.Println(dir)
	}
	return err
}
