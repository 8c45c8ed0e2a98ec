package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/pki"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// What this binary is for the measurement beside it.
const (
	callCommand = "call" // who calls
	echoCommand = "echo" // a webhook that does nothing
)

// helper is this binary once more. It ends when its stdin does.
type helper struct {
	in  *json.Encoder
	out *json.Decoder

	cmd   *exec.Cmd
	stdin io.Closer
}

func startHelper(ctx context.Context, command string) (*helper, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, command)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command, err)
	}
	return &helper{in: json.NewEncoder(stdin), out: json.NewDecoder(stdout), cmd: cmd, stdin: stdin}, nil
}

func (h *helper) stop() error { return errors.Join(h.stdin.Close(), h.cmd.Wait()) }

// echo is the program of echoCommand: it serves contender.Echo by our own
// server, and tells where.
func echo(ctx context.Context, in io.Reader, out io.Writer) error {
	c, err := contender.Named(contender.Echo)
	if err != nil {
		return err
	}
	handler, err := c.New()
	if err != nil {
		return err
	}
	ca, err := pki.New()
	if err != nil {
		return err
	}
	leaf, err := ca.Leaf("127.0.0.1")
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(contender.Path, handler)
	server, err := webhook.NewServer(webhook.ServerOptions{
		Listener: l, Handler: mux, DrainDelay: time.Millisecond, // nobody calls any more
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return leaf, nil },
	})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(endpoint{Address: l.Addr().String(), ServerName: "127.0.0.1", CA: ca.PEM()}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in) // however it ends, it ends
		cancel()
	}()
	return server.Start(ctx)
}
