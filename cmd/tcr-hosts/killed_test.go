//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/cmd/tcr-hosts/hostsfile"
)

// listOf is a list of n names, with addresses that differ between rounds.
func listOf(n, round int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "- domain: demo-%d.tencentcloudcr.com\n  ip: 10.%d.%d.2\n", i, round%200, i%200)
	}
	return b.String()
}

func applied(t *testing.T, content, list string) string {
	t.Helper()
	entries, err := hostsfile.Decode("hosts.yaml", []byte(list))
	require.NoError(t, err)
	return string(hostsfile.Apply([]byte(content), entries))
}

// TestKilled kills the command at any moment while it writes for each of many
// lists, and starts it again.
func TestKilled(t *testing.T) {
	t.Parallel()
	const rounds = 40
	const others = "127.0.0.1 localhost\n\x00\xff a line of somebody else\r\n"
	sizes := []int{1, 400, 3, 0, 150} // pages, less than one, and none
	t.Run("by rename, no reader ever sees anything but the old or the new file", func(t *testing.T) {
		t.Parallel()
		n := newNode(t, "[]\n", others)
		lists := []string{"[]\n"}
		for round := range rounds {
			lists = append(lists, listOf(sizes[round%len(sizes)], round))
		}
		allowed := map[string]bool{}
		for _, list := range lists {
			allowed[applied(t, others, list)] = true
		}
		reader := make(chan string)
		stop := make(chan struct{})
		go func() {
			defer close(reader)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if data, err := os.ReadFile(n.hosts); err != nil || !allowed[string(data)] {
					reader <- fmt.Sprintf("%v: %.2000q", err, data)
					return
				}
			}
		}()
		for range rounds {
			n.publishAndKill(t, lists...)
		}
		r := n.start(t)
		want := applied(t, others, lists[len(lists)-1])
		eventually(t, func() bool { return n.content(t) == want }, "the last list does not come")
		require.NoError(t, r.stop(t))
		close(stop)
		assert.Empty(t, <-reader)
		left, err := filepath.Glob(filepath.Join(filepath.Dir(n.hosts), ".hosts*"))
		require.NoError(t, err)
		assert.Empty(t, left)
	})
	t.Run("in place, the next run finishes it", func(t *testing.T) {
		t.Parallel()
		n := newNode(t, "[]\n", others)
		require.NoError(t, os.Link(n.hosts, filepath.Join(t.TempDir(), "second name")))
		// A line behind the block, which moves whenever the block changes.
		const behind = "10.1.1.1 behind.example\n# without a newline"
		with := applied(t, others, demoList) + behind
		require.NoError(t, os.WriteFile(n.hosts, []byte(with), 0o600))
		unfinished := 0
		for round := range rounds {
			list := listOf(sizes[round%len(sizes)], round)
			n.publishAndKill(t, listOf(300, round), demoList, list)
			if _, err := os.Stat(filepath.Join(n.state, "hosts.journal")); err == nil {
				unfinished++
			}
			r := n.start(t)
			eventually(t, func() bool {
				content := n.content(t)
				_, err := os.Stat(filepath.Join(n.state, "hosts.journal"))
				return applied(t, content, list) == content && os.IsNotExist(err)
			}, "round %d does not come to its end", round)
			require.NoError(t, r.stop(t))
			assert.Equal(t, others+behind, applied(t, n.content(t), "[]"), "round %d", round)
		}
		t.Logf("killed in the middle of a write in %d of %d rounds", unfinished, rounds)
	})
}

// publishAndKill starts the command, gives it one list after the other, so that
// it writes at each look, and kills it in the middle of that. The last of lists
// is the one that is left.
func (n node) publishAndKill(t *testing.T, lists ...string) {
	t.Helper()
	r := n.start(t)
	eventually(t, func() bool { return r.log.field("answers", "address") != "" }, "does not start")
	for kill, i := time.After(time.Duration(rand.IntN(int(5*look)))), 0; ; i++ {
		n.publish(t, lists[i%len(lists)])
		select {
		case <-time.After(look / 4):
			continue
		case <-kill:
		}
		break
	}
	n.publish(t, lists[len(lists)-1])
	require.NoError(t, r.Process.Signal(syscall.SIGKILL))
	require.Error(t, r.end(t))
}
