package credentials

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/tcr-webhook/tcr-webhook/test/cluster"
	"github.com/tcr-webhook/tcr-webhook/test/stack"
)

// binary is tcr-webhook, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	ctx := context.Background()
	if _, err := cluster.Binaries(ctx, os.Stderr); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", "tcr-webhook-credentials-")
	if err != nil {
		return 1, err
	}
	defer func() { err = os.RemoveAll(dir) }()
	if binary, err = stack.Build(ctx, dir); err != nil {
		return 1, err
	}
	return m.Run(), nil
}
