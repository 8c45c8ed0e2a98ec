// Command build makes the binaries that test/cluster starts, unless they are
// there, and prints the folder they lie in. `go test` hides what a test prints
// until the test is over; this shows that the first build is getting on.
//
//	KUBEBUILDER_ASSETS=$(go run ./test/cluster/build) go test ./...
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	dir, err := cluster.Binaries(ctx, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "build the Kubernetes binaries:", err)
		os.Exit(1)
	}
	fmt.Println(dir)
}
