package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/tcr-webhook/tcr-webhook/test/load/bench/contender"
	"github.com/tcr-webhook/tcr-webhook/test/load/bench/reviews"
	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// greeting is the one line that a server prints when it listens.
type greeting struct {
	Address string `json:"address"`
	CA      []byte `json:"ca"` // PEM
}

// serve is a contender's server. It ends when in does, or with ctx, so that no
// server outlives who started it.
//
// args are the contender's name, for ours how long it drains, and the folder
// that profiles of it are to be written into.
func serve(ctx context.Context, args []string, in io.Reader, out io.Writer) (err error) {
	name, drain := args[0], time.Millisecond // as where nobody calls any more
	if len(args) > 1 {
		if drain, err = time.ParseDuration(args[1]); err != nil {
			return err
		}
	}
	if len(args) > 2 {
		var end func() error
		if end, err = profile(args[2]); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	handler, err := handlerNamed(name)
	if err != nil {
		return err
	}
	l, err := listen(ctx)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(greeting{l.address, l.ca}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in) // however it ends, it ends
		cancel()
	}()
	if name == contender.Ours {
		return serveOurs(ctx, l, handler, drain)
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	if err := l.serve(handler); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// handlerNamed makes a contender's handler, or the canned one of creationInput.
func handlerNamed(name string) (http.Handler, error) {
	wanted := name
	if name == contender.Canned {
		wanted = contender.Ours
	}
	c, err := contender.Named(wanted)
	if err != nil {
		return nil, err
	}
	handler, err := c.New()
	if err != nil || name != contender.Canned {
		return handler, err
	}
	review, err := reviews.Usual(creationInput)
	if err != nil {
		return nil, err
	}
	return contender.NewCanned(handler, review)
}

// serveOurs serves by the server that belongs to our handler.
func serveOurs(ctx context.Context, l *listener, handler http.Handler, drain time.Duration) error {
	mux := http.NewServeMux()
	mux.Handle(webhook.PodsPath, handler)
	server, err := webhook.NewServer(webhook.ServerOptions{
		Listener: l.Listener, GetCertificate: l.getCertificate, Handler: mux, DrainDelay: drain,
	})
	if err != nil {
		return err
	}
	return server.Start(ctx)
}
