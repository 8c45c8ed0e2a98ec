package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/tcr-webhook/tcr-webhook/test/stack/service"
)

// detour is the way of the replicas to the API server. It counts what goes
// through, as it is on the wire: encrypted, and compressed where it is.
type detour struct {
	ctx            context.Context //nolint:containedctx // of what runs until stop
	end            context.CancelFunc
	balanced       sync.WaitGroup
	err            error
	sent, received atomic.Int64 // bytes, as the replicas see it
}

func newDetour(ctx context.Context) *detour {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	return &detour{ctx: ctx, end: end}
}

// start goes to address, and returns where the detour begins.
func (d *detour) start(address string) (string, error) {
	l, err := new(net.ListenConfig).Listen(d.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for the replicas: %w", err)
	}
	var way service.Service
	way.Add(address)
	d.balanced.Go(func() { d.err = way.Balance(d.ctx, counted{l, d}) })
	return l.Addr().String(), nil
}

func (d *detour) stop() error {
	d.end()
	d.balanced.Wait()
	return d.err
}

// counted counts what connections carry.
type counted struct {
	net.Listener
	to *detour
}

func (l counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &countedConn{c, l.to}, err
}

type countedConn struct {
	net.Conn
	to *detour
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.to.sent.Add(int64(n))
	return n, err
}

func (c *countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.to.received.Add(int64(n))
	return n, err
}
