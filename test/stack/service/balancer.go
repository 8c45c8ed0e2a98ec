package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Balance accepts connections on l and joins each to an endpoint, until ctx
// ends; then it closes l and every connection. It is for callers whose dialing
// is not ours to replace, such as an API server in its own process.
func (s *Service) Balance(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	for {
		from, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("accept for a service: %w", err)
		}
		open.Go(func() { s.join(ctx, from) })
	}
}

// join copies between a caller and an endpoint until both have said all.
func (s *Service) join(ctx context.Context, from net.Conn) {
	to, err := s.Dial(ctx, "tcp", "")
	if err != nil {
		reset(from)
		return
	}
	stop := context.AfterFunc(ctx, func() { reset(from); reset(to) })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { pass(to, from) })
	both.Go(func() { pass(from, to) })
	both.Wait()
	_ = from.Close() // both have been read to their ends
	_ = to.Close()
}

// pass copies one way. What ends well is ended well on the other side, and a
// connection that breaks is broken there, too.
func pass(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		reset(to)
		reset(from)
		return
	}
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite() // an error means that it is closed already
	}
}

// reset closes c so that its peer sees a reset, as of a process that died.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // an error means that it is closed already
	}
	_ = c.Close()
}
