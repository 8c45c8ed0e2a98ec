package service

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// endpoint says its name to each line it gets.
func endpoint(t *testing.T, name string) (address string, end func()) {
	t.Helper()
	l := listen(t)
	var open []net.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open = append(open, c)
			go func() {
				lines := bufio.NewScanner(c)
				for lines.Scan() {
					_, _ = fmt.Fprintln(c, name)
				}
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String(), func() {
		_ = l.Close()
		<-done
		for _, c := range open {
			reset(c)
		}
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// balanced runs a Service in front of endpoints for the test.
func balanced(t *testing.T, endpoints ...string) (s *Service, address string) {
	t.Helper()
	s = &Service{}
	for _, e := range endpoints {
		s.Add(e)
	}
	l := listen(t)
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Balance(ctx, l) }()
	t.Cleanup(func() { end(); assert.NoError(t, <-ended) })
	return s, l.Addr().String()
}

// ask connects and returns what answers each line.
func ask(t *testing.T, address string) func() (string, error) {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	answers := bufio.NewReader(c)
	return func() (string, error) {
		if _, err := io.WriteString(c, "who?\n"); err != nil {
			return "", err
		}
		return answers.ReadString('\n')
	}
}

func TestConnectionsGoByTurnsAndStay(t *testing.T) {
	t.Parallel()
	a, endA := endpoint(t, "a")
	b, endB := endpoint(t, "b")
	defer endA()
	defer endB()
	s, address := balanced(t, a, b)
	s.Add(b) // a second time changes nothing
	seen := map[string]int{}
	for range 4 {
		who := ask(t, address)
		first, err := who()
		require.NoError(t, err)
		again, err := who()
		require.NoError(t, err)
		assert.Equal(t, first, again, "a connection moved")
		seen[first]++
	}
	assert.Equal(t, map[string]int{"a\n": 2, "b\n": 2}, seen)
	assert.EqualValues(t, 4, s.Dials())
}

func TestAKilledEndpointTakesItsConnectionsAlong(t *testing.T) {
	t.Parallel()
	a, endA := endpoint(t, "a")
	b, endB := endpoint(t, "b")
	defer endB()
	s, address := balanced(t, a)
	old := ask(t, address)
	_, err := old()
	require.NoError(t, err)

	s.Add(b)
	endA()
	s.Remove(a)
	_, err = old()
	require.Error(t, err)
	assert.Equal(t, []string{b}, s.Endpoints())
	for range 3 {
		got, err := ask(t, address)()
		require.NoError(t, err)
		assert.Equal(t, "b\n", got)
	}
}

func TestWithoutEndpointsConnectionsBreak(t *testing.T) {
	t.Parallel()
	_, address := balanced(t)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err == nil { // or it broke before it was made
		_, err = conn.Read(make([]byte, 1))
		require.NoError(t, conn.Close())
	}
	require.Error(t, err)
	_, err = new(Service).Dial(t.Context(), "tcp", "anything")
	require.ErrorIs(t, err, ErrNoEndpoints)
}
