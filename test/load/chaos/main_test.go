package chaos

import (
	"fmt"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// serverVariable in the environment makes the test's program a server.
const serverVariable = "TCR_WEBHOOK_CHAOS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		if err := serveAlone(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	klog.SetLogger(logr.Discard()) // the API server's, which tells of every lost call
	os.Exit(m.Run())
}
