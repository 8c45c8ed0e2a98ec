package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/tcr-webhook/tcr-webhook/test/emulator/admin"
	"github.com/tcr-webhook/tcr-webhook/test/emulator/tencent"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "emulator:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stderr)
	if errors.Is(err, pflag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	cloud, err := tencent.Start(ctx, o.cloud(stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cloud.Close()) }()
	if err := furnish(ctx, cloud, o); err != nil {
		return err
	}
	folder, err := writeCA(cloud)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	knobs, err := serveAdmin(ctx, o.adminAddress, cloud)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, knobs.stop()) }()
	if err := howTo(stdout, cloud, o, caFile(folder), knobs.address); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// furnish adds the instances, and the image to each.
func furnish(ctx context.Context, cloud *tencent.Cloud, o options) error {
	cloud.SetTokenLifetime(o.tokenLifetime)
	for _, i := range o.instances {
		if err := cloud.PutInstance(i); err != nil {
			return err
		}
		if _, err := cloud.Push(ctx, i.PublicHost()+"/"+image); err != nil {
			return err
		}
	}
	return nil
}

// writeCA puts the CA into a folder of its own, which the caller removes.
func writeCA(cloud *tencent.Cloud) (folder string, err error) {
	folder, err = os.MkdirTemp("", "tcr-emulator-")
	if err != nil {
		return "", fmt.Errorf("write CA: %w", err)
	}
	if err := os.WriteFile(caFile(folder), cloud.CA(), 0o644); err != nil {
		return "", errors.Join(fmt.Errorf("write CA: %w", err), os.RemoveAll(folder))
	}
	return folder, nil
}

func caFile(folder string) string { return filepath.Join(folder, "ca.crt") }

// knobs is the running admin endpoint.
type knobs struct {
	address string
	server  *http.Server
	done    chan error
}

func serveAdmin(ctx context.Context, address string, cloud *tencent.Cloud) (*knobs, error) {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("admin endpoint: %w", err)
	}
	k := &knobs{
		address: socket.Addr().String(),
		server:  &http.Server{Handler: admin.Handler(cloud), ReadHeaderTimeout: 10 * time.Second},
		done:    make(chan error, 1),
	}
	go func() { k.done <- k.server.Serve(socket) }()
	return k, nil
}

func (k *knobs) stop() error {
	err := k.server.Close()
	if served := <-k.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
