package process

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// portAttempts is how often a server is started before free ports count as not
// to be had. That another process takes one in the moment between choice and
// use is rare; that it does so five times running is something else.
const portAttempts = 5

// freePorts returns n different loopback ports that nobody listens on now.
func freePorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		// Held until all are chosen, so that they differ.
		defer func() { _ = l.Close() }()
		addr, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("find a free port: %s is not a TCP address", l.Addr())
		}
		ports = append(ports, addr.Port)
	}
	return ports, nil
}

// StartFunc starts a server on ports and returns when it is ready. It leaves
// no process behind when it returns an error.
type StartFunc func(ctx context.Context, ports []int) (*Process, error)

// OnFreePorts calls start with n free loopback ports, and again with other ones
// as long as the server ends because one was taken.
func OnFreePorts(ctx context.Context, n int, start StartFunc) (*Process, error) {
	var taken error
	for range portAttempts {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("start a server: %w", context.Cause(ctx))
		}
		ports, err := freePorts(ctx, n)
		if err != nil {
			return nil, err
		}
		p, err := start(ctx, ports)
		if err == nil || !portTaken(err) {
			return p, err
		}
		taken = errors.Join(taken, err)
	}
	return nil, fmt.Errorf("no port stayed free in %d attempts: %w", portAttempts, taken)
}
