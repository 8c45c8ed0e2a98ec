// Command kubectl-tcr is the kubectl plugin of tcr-webhook: it tells what an
// allow-list would refuse before it does, finds mistakes in a configuration,
// and writes rules for the API server itself. As kubectl-tcr on PATH it is
// "kubectl tcr".
//
// It changes nothing in a cluster, but for the reports that it is asked to
// write and for what uninstall removes, and reads no Secret but its metadata.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // logins of clouds

	"github.com/tcr-webhook/tcr-webhook/cmd/kubectl-tcr/internal/release"
)

// What the command ends with, in every format.
const (
	exitFine     = 0   // nothing, or only notes
	exitFindings = 1   // findings at or over --fail-on
	exitUnknown  = 2   // usage, an unreachable cluster, an unreadable file
	exitWaited   = 124 // what was waited for did not come
)

const exitHelp = `
Ends with 0 if all is fine, 1 if something was found, and 2 if it could not be
found out: a mistake in the flags, a cluster that does not answer, a file that
cannot be read.`

// errFindings ends the command with exitFindings. What was found is printed.
var errFindings = errors.New("something was found")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	os.Exit(run(ctx, os.Args, os.Getenv, streams))
}

// run is the whole command; args begin with its name.
func run(ctx context.Context, args []string, getenv func(string) string, streams genericiooptions.IOStreams) int {
	name := "kubectl-tcr"
	if strings.HasPrefix(filepath.Base(args[0]), "kubectl-") {
		name = "kubectl tcr"
	}
	c := &command{streams: streams, flags: genericclioptions.NewConfigFlags(true), symbols: symbolsFor(getenv), getenv: getenv}
	root := c.root(name)
	root.SetArgs(args[1:])
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	switch err := root.ExecuteContext(ctx); {
	case errors.Is(err, errFindings):
		return exitFindings
	case errors.Is(err, errWaited):
		if !errors.Is(errWaited, err) { // there was nothing to print
			fmt.Fprintf(streams.ErrOut, "%s: %v\n", name, err)
		}
		return exitWaited
	case err != nil:
		fmt.Fprintf(streams.ErrOut, "%s: %s\n", name, plainly(err))
		return exitUnknown
	}
	return exitFine
}

// plainly says in a sentence of ours what keeps us from the cluster; all else is
// said as it is.
func plainly(err error) string {
	var failed *url.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &certificate):
		return fmt.Sprintf("the certificate of the API server is not one to trust (%v): check the cluster of your kubeconfig", certificate.Err)
	case errors.As(err, &failed):
		server := failed.URL
		if at, parseErr := url.Parse(failed.URL); parseErr == nil && at.Host != "" {
			server = at.Scheme + "://" + at.Host
		}
		return fmt.Sprintf("the API server %s does not answer (%v): check --context and the kubeconfig, and whether you reach it from here", server, failed.Err)
	case apierrors.IsUnauthorized(err):
		return "the API server does not know who you are: log in again, or check --context"
	}
	return err.Error()
}

// command is what all subcommands share.
type command struct {
	streams genericiooptions.IOStreams
	flags   *genericclioptions.ConfigFlags
	symbols symbols
	ascii   bool
	color   string
	getenv  func(string) string
	install install
	// compared: the versions of plugin and server.
	compared bool
}

func (c *command) root(name string) *cobra.Command {
	root := &cobra.Command{
		Use:   "kubectl-tcr",
		Short: "See what tcr-webhook does, and would do",
		Long:  "See what tcr-webhook does in a cluster, and would do.\n" + exitHelp,
		Annotations: map[string]string{
			cobra.CommandDisplayNameAnnotation: name,
		},
		Version:       release.Version,
		SilenceUsage:  true,
		SilenceErrors: true, // run prints it, once
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if c.ascii {
				c.symbols = asciiSymbols()
			}
			_, err := c.painter() // of those, too, that have no colours
			return err
		},
	}
	c.flags.AddFlags(root.PersistentFlags())
	c.install.addTo(root.PersistentFlags())
	root.PersistentFlags().BoolVar(&c.ascii, "ascii", false, "print OK, WARN, FAIL in place of symbols; so it is in a locale that is not UTF-8")
	root.PersistentFlags().StringVar(&c.color, "color", "auto", "colours: auto, on a terminal; always; or never, as NO_COLOR has it")
	root.AddCommand(c.auditCommand(), c.doctorCommand(), c.explainCommand(), c.lintCommand(), c.renderCommand(), c.statusCommand(), c.uninstallCommand(), c.migrateCommand())
	c.completeFlags(root)
	return root
}

// say tells the person in front of it, apart from the data.
func (c *command) say(format string, args ...any) {
	fmt.Fprintf(c.streams.ErrOut, format+"\n", args...)
}
