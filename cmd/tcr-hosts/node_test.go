//go:build linux

package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/cmd/tcr-hosts/nodefile"
)

// outsideEnv tells a test that it runs in a mount namespace of its own, and
// which one the machine's is.
const outsideEnv = "TCR_HOSTS_TEST_OUTSIDE"

// inNamespace runs the test again, by itself, in a mount namespace of its own,
// and returns true there. Nothing that is mounted there is seen by the machine,
// and all of it is gone when the test ends. It takes root, or a kernel that lets
// users have namespaces.
func inNamespace(t *testing.T) bool {
	t.Helper()
	const link = "/proc/self/ns/mnt"
	here, err := os.Readlink(link)
	require.NoError(t, err)
	if outside := os.Getenv(outsideEnv); outside != "" {
		require.NotEqual(t, outside, here, "not in a namespace of its own")
		mount(t, "none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
		return true
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=2m") //nolint:gosec // ourselves
	again.Env = append(os.Environ(), outsideEnv+"="+here, binaryEnv+"="+binary)
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		again.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	var out strings.Builder
	again.Stdout, again.Stderr = &out, &out
	if err := again.Start(); err != nil {
		t.Skipf("no mount namespace of our own, which takes root: %v", err)
	}
	require.NoError(t, again.Wait(), out.String())
	require.Contains(t, out.String(), "--- PASS: "+t.Name(), out.String())
	return false
}

func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	require.NoError(t, syscall.Mount(source, target, kind, flags, data), "mount %s at %s", source, target)
}

// tmpfs mounts one of size at a new folder.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	folder := t.TempDir()
	mount(t, "tmpfs", folder, "tmpfs", 0, "size="+size+",mode=755")
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(folder, syscall.MNT_DETACH)) })
	return folder
}

// asNode makes /etc of this namespace that of a node: a file system of its own.
func asNode(t *testing.T, hosts string) (etc string) {
	t.Helper()
	etc = tmpfs(t, "1m")
	require.NoError(t, os.WriteFile(filepath.Join(etc, "hosts"), []byte(hosts), 0o644))                    //nolint:gosec // as a node has it
	require.NoError(t, os.WriteFile(filepath.Join(etc, "nsswitch.conf"), []byte("hosts: files\n"), 0o644)) //nolint:gosec // likewise
	return etc
}

// resolves asks both resolvers of a node, that of Go programs (containerd, the
// kubelet) and the C library's.
func resolves(t *testing.T, name, want string) {
	t.Helper()
	resolver := net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no DNS here", IsNotFound: true}
	}}
	eventually(t, func() bool { // it keeps the file for five seconds
		got, err := resolver.LookupHost(t.Context(), name)
		return want == "" && err != nil || len(got) == 1 && got[0] == want
	}, "Go does not resolve it", name, want)
	getent, err := exec.LookPath("getent")
	if err != nil {
		return
	}
	out, err := exec.CommandContext(t.Context(), getent, "ahosts", name).Output()
	if want == "" {
		assert.Error(t, err, "the C library resolves %s: %s", name, out)
		return
	}
	require.NoError(t, err, "the C library does not resolve %s", name)
	assert.Equal(t, want, strings.Fields(string(out))[0])
}

// TestTheFileIsMounted is the DaemonSet as it is shipped: the container sees the
// node's hosts file, and nothing else of the node.
func TestTheFileIsMounted(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	etc := asNode(t, usual)
	require.NoError(t, os.Link(filepath.Join(etc, "hosts"), filepath.Join(etc, "hosts.backup")))
	mount(t, etc+"/nsswitch.conf", "/etc/nsswitch.conf", "", syscall.MS_BIND, "")
	mount(t, etc+"/hosts", "/etc/hosts", "", syscall.MS_BIND, "")
	n := newNode(t, demoList, "")
	n.hosts = "/etc/hosts"
	r := n.start(t)
	eventually(t, func() bool { return strings.Contains(n.content(t), demoLine) }, "no name")
	resolves(t, "demo.tencentcloudcr.com", "10.0.0.2")
	assert.Equal(t, "in-place", r.log.field("wrote the hosts file", "how"))

	// The node replaces the file. That the old one has another name still must
	// not hide it.
	const theirs = "127.0.0.1 localhost\n# new\n"
	require.NoError(t, os.WriteFile(etc+"/hosts.new", []byte(theirs), 0o644)) //nolint:gosec // as a node has it
	require.NoError(t, os.Rename(etc+"/hosts.new", etc+"/hosts"))
	require.Error(t, r.end(t))
	assert.Contains(t, r.log.String(), nodefile.ErrReplaced.Error())

	// The kubelet starts the container anew, which mounts what is there now.
	require.NoError(t, syscall.Unmount("/etc/hosts", 0))
	mount(t, etc+"/hosts", "/etc/hosts", "", syscall.MS_BIND, "")
	r = n.start(t, "--remove-on-exit")
	eventually(t, func() bool { return strings.Contains(n.content(t), demoLine) }, "no name after a restart")
	resolves(t, "demo.tencentcloudcr.com", "10.0.0.2")
	require.NoError(t, r.stop(t))
	resolves(t, "demo.tencentcloudcr.com", "")
	assert.Equal(t, theirs, n.content(t))
}

// TestTheFolderIsMounted is the other way to mount it, and a plain node.
func TestTheFolderIsMounted(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	etc := asNode(t, usual)
	n := newNode(t, demoList, "") // before /etc is gone
	mount(t, etc, "/etc", "", syscall.MS_BIND, "")
	n.hosts = "/etc/hosts"
	r := n.start(t)
	eventually(t, func() bool { return strings.Contains(n.content(t), demoLine) }, "no name")
	resolves(t, "demo.tencentcloudcr.com", "10.0.0.2")
	assert.Equal(t, "rename", r.log.field("wrote the hosts file", "how"))

	const theirs = "127.0.0.1 localhost\n# new\n"
	require.NoError(t, os.WriteFile(etc+"/hosts.new", []byte(theirs), 0o644)) //nolint:gosec // as a node has it
	require.NoError(t, os.Rename(etc+"/hosts.new", etc+"/hosts"))
	eventually(t, func() bool { return n.content(t) == applied(t, theirs, demoList) }, "no name in the new file")
	n.publish(t, "[]\n")
	resolves(t, "demo.tencentcloudcr.com", "")
	assert.Equal(t, theirs, n.content(t))
	require.NoError(t, r.stop(t))
}

// TestWithoutProc is a chroot with nothing in it: that the file is mounted shows
// as the rename is refused.
func TestWithoutProc(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	for name, mounted := range map[string]bool{"the file is mounted": true, "the file is not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := tmpfs(t, "32m")
			require.NoError(t, os.Mkdir(filepath.Join(root, "etc"), 0o755)) //nolint:gosec // as a node has it
			// Mounted, not copied: a copy stays open for writing in whatever the
			// other subtest forks meanwhile, and does not run until that is over.
			program := filepath.Join(root, "tcr-hosts")
			require.NoError(t, os.WriteFile(program, nil, 0o600))
			mount(t, binary, program, "", syscall.MS_BIND, "")
			n := node{filepath.Join(root, "hosts.yaml"), filepath.Join(root, "etc", "hosts"), "/state"}
			n.publish(t, demoList)
			require.NoError(t, os.WriteFile(n.hosts, []byte(usual), 0o600))
			if mounted {
				mount(t, n.hosts, n.hosts, "", syscall.MS_BIND, "")
				t.Cleanup(func() { assert.NoError(t, syscall.Unmount(n.hosts, 0)) })
			}
			inside := node{"/hosts.yaml", "/etc/hosts", "/state"}
			r := inside.startAs(t, "/tcr-hosts", root)
			eventually(t, func() bool { return n.content(t) == applied(t, usual, demoList) }, "no name")
			n.publish(t, "[]\n")
			eventually(t, func() bool { return n.content(t) == usual }, "it stays")
			require.NoError(t, r.stop(t))
			want := map[bool]string{true: "in-place", false: "rename"}[mounted]
			assert.Equal(t, want, r.log.field("wrote the hosts file", "how"))
		})
	}
}

func TestTheDiskIsFull(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	for name, inPlace := range map[string]bool{"by rename": false, "in place": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := tmpfs(t, "64k")
			n := newNode(t, listOf(300, 1), "")
			n.hosts = filepath.Join(disk, "hosts")
			require.NoError(t, os.WriteFile(n.hosts, []byte(usual), 0o600))
			if inPlace {
				require.NoError(t, os.Link(n.hosts, filepath.Join(disk, "second name")))
			}
			ballast := filepath.Join(disk, "ballast")
			require.ErrorIs(t, os.WriteFile(ballast, make([]byte, 128<<10), 0o600), syscall.ENOSPC)
			r := n.start(t)
			eventually(t, func() bool { return strings.Contains(r.log.String(), "no space left on device") }, "is not told")
			_, metrics := r.get(t, "/metrics")
			assert.Contains(t, metrics, "\ntcr_hosts_up_to_date 0\n")
			assert.Equal(t, usual, n.content(t))
			require.NoError(t, os.Remove(ballast))
			eventually(t, func() bool { return n.content(t) == applied(t, usual, listOf(300, 1)) }, "is not tried again")
			require.NoError(t, r.stop(t))
		})
	}
	t.Run("the journal's", func(t *testing.T) {
		t.Parallel()
		disk := tmpfs(t, "64k")
		n := newNode(t, demoList, usual)
		n.state = disk
		require.NoError(t, os.Link(n.hosts, n.hosts+".second"))
		ballast := filepath.Join(disk, "ballast")
		require.ErrorIs(t, os.WriteFile(ballast, make([]byte, 128<<10), 0o600), syscall.ENOSPC)
		r := n.start(t)
		eventually(t, func() bool { return strings.Contains(r.log.String(), "no space left on device") }, "is not told")
		assert.Equal(t, usual, n.content(t))
		require.NoError(t, os.Remove(ballast))
		eventually(t, func() bool { return n.content(t) == applied(t, usual, demoList) }, "is not tried again")
		require.NoError(t, r.stop(t))
	})
}

// A file system that cannot reserve space fails in the middle of the write.
func TestAWriteThatFailsHalfwayIsUndone(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) { // a process of its own, which the limit ends with
		return
	}
	const limit = 2000
	n := newNode(t, "", strings.Repeat("x", limit-100))
	require.NoError(t, os.Link(n.hosts, n.hosts+".second"))
	file, err := nodefile.New(n.hosts, n.state)
	require.NoError(t, err)
	signal.Ignore(syscall.SIGXFSZ)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}))
	before := n.content(t)
	_, err = file.Edit(func(content []byte) []byte { return append(content, strings.Repeat("y", 200)...) })
	require.ErrorIs(t, err, syscall.EFBIG)
	assert.Equal(t, before, n.content(t))
	how, err := file.Edit(func(content []byte) []byte { return append(content, "z\n"...) })
	require.NoError(t, err)
	assert.Equal(t, nodefile.InPlace, how)
	assert.Equal(t, before+"z\n", n.content(t))
}

func TestTheFileIsReadOnly(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	etc := asNode(t, usual)
	n := newNode(t, demoList, "")
	n.hosts = filepath.Join(etc, "hosts")
	mount(t, "", etc, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	r := n.start(t)
	eventually(t, func() bool { return strings.Contains(r.log.String(), "read-only file system") }, "is not told")
	code, body := r.get(t, "/readyz")
	assert.Equal(t, 503, code)
	assert.Contains(t, body, "read-only file system")
	assert.Equal(t, usual, n.content(t))
	mount(t, "", etc, "", syscall.MS_REMOUNT, "")
	eventually(t, func() bool { return n.content(t) == applied(t, usual, demoList) }, "is not tried again")
	require.NoError(t, r.stop(t))
}
