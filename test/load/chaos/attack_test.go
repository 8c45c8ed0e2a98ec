package chaos

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tcr-webhook/tcr-webhook/webhook"
)

// attack is what one hostile caller does over and over, on a connection that
// is closed afterwards.
type attack struct {
	name    string
	callers int
	plain   bool // without TLS
	do      func(ctx context.Context, conn net.Conn)
}

// between is how long a caller waits before its next connection. Without it
// they would take the processors, which they share with the server here, by
// handshakes and 7 MiB of encryption alone.
const between = time.Second

// run attacks address until ctx ends.
func (a attack) run(ctx context.Context, address string) {
	for ctx.Err() == nil {
		raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			wait(ctx, 10*time.Millisecond)
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
		conn := raw
		if !a.plain {
			conn = tls.Client(raw, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // hostile callers do not mind
		}
		a.do(ctx, conn)
		stop()
		_ = raw.Close()
		wait(ctx, between)
	}
}

// attacks are 200 callers.
func attacks() []attack {
	return []attack{
		{name: "7 MiB of empty lists", callers: 4, do: flood(sevenMiB("x", "[", "[],", "[]]"))},
		{name: "7 MiB of escapes", callers: 4, do: flood(sevenMiB("x", `"`, `\u00e9\n\"\\`, `"`))},
		{name: "7 MiB of spaces", callers: 4, do: flood(sevenMiB("x", `[`, ` `, `]`))},
		{name: "bodies that do not come", callers: 60, do: trickle(fmt.Sprintf(headOf, 7<<20), "{")},
		{name: "heads that do not come", callers: 48, do: trickle("POST "+webhook.PodsPath+" HTTP/1.1\r\nHost: x\r\n", "X: y\r\n")},
		{name: "handshakes that do not come", callers: 20, plain: true, do: trickle("\x16\x03\x01\x02\x00", "\x01")},
		{name: "no TLS", callers: 20, plain: true, do: junk},
		{name: "1 MiB of header", callers: 20, do: hugeHeader},
		{name: "connections and nothing else", callers: 20, do: trickle("", "")},
	}
}

// headOf begins a review of a length.
const headOf = "POST " + webhook.PodsPath + "?timeout=30s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

// sevenMiB is a review with that much in a member of its pod.
func sevenMiB(member, open, repeated, end string) []byte {
	return hostileReview(7<<20, member, open, repeated, end)
}

func hostileReview(size int, member, open, repeated, end string) []byte {
	body := `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","kind":{"kind":"Pod"},"namespace":"team-a","operation":"CREATE",` +
		`"object":{"metadata":{},"spec":{"` + member + `":` + open
	return []byte(body + strings.Repeat(repeated, (size-len(body))/len(repeated)) + end + "}}}}")
}

// flood sends body at once and reads the answer.
func flood(body []byte) func(context.Context, net.Conn) {
	return func(_ context.Context, conn net.Conn) {
		var sent sync.WaitGroup
		sent.Go(func() {
			_, _ = fmt.Fprintf(conn, headOf, len(body))
			_, _ = conn.Write(body) // may be refused on the way
		})
		if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		_ = conn.Close()
		sent.Wait()
	}
}

// deaf sends body at once and does not read the answer until the server gives up.
func deaf(body []byte) func(context.Context, net.Conn) {
	return func(ctx context.Context, conn net.Conn) {
		_, _ = fmt.Fprintf(conn, headOf, len(body))
		if _, err := conn.Write(body); err == nil {
			wait(ctx, time.Minute)
		}
	}
}

// trickle sends start, and then again and again more, until the server closes.
func trickle(start, more string) func(context.Context, net.Conn) {
	return func(ctx context.Context, conn net.Conn) {
		_, err := io.WriteString(conn, start)
		for err == nil && ctx.Err() == nil {
			wait(ctx, 100*time.Millisecond)
			_, err = io.WriteString(conn, more)
		}
	}
}

// junk sends random bytes, and reads what comes back.
func junk(_ context.Context, conn net.Conn) {
	b := make([]byte, 4<<10)
	_, _ = rand.Read(b)
	_, _ = conn.Write(b)
	_, _ = io.Copy(io.Discard, conn)
}

// hugeHeader sends 1 MiB of a header, and reads what comes back.
func hugeHeader(_ context.Context, conn net.Conn) {
	_, err := io.WriteString(conn, "POST "+webhook.PodsPath+" HTTP/1.1\r\nHost: x\r\nX: ")
	for i := 0; err == nil && i < 64; i++ {
		_, err = io.WriteString(conn, strings.Repeat("x", 16<<10))
	}
	_, _ = io.Copy(io.Discard, conn)
}
