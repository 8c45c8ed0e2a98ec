//go:build linux

package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// The node in its network, which nothing leaves.
const (
	// Name is the node's.
	Name = "node-1"
	// IP is the node's, of the network that Addresses come from.
	IP = "10.88.0.1"

	podNetwork = "10.89.0.0/24"
)

// connect makes the node's interface. A kubelet refuses loopback, so it is one
// end of a cable whose other end lies beside it.
func connect() error {
	for _, args := range []string{
		"link set lo up",
		"link add node0 type veth peer name node1",
		"addr add " + IP + "/24 dev node0",
		"link set node0 up",
		"link set node1 up",
		// The addresses of Services are on no interface; a packet to one is
		// turned on its way, and so needs one.
		"route add default dev node0",
	} {
		if err := ip(args); err != nil {
			return err
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let pods reach Services: %w", err)
	}
	return nil
}

// AddAddress gives the machine an address besides IP, such as 10.88.0.2, for
// a server that pods or the kubelet talk to at a port of its own choice.
func AddAddress(address string) error { return ip("addr add " + address + "/24 dev node0") }

func ip(args string) error {
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil { //nolint:noctx // it sets a flag of the kernel and ends
		return fmt.Errorf("ip %s: %w: %s", args, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// hostsFile is what everything on the node sees as /etc/hosts.
func hostsFile() string { return filepath.Join(data, "hosts") }

func ownHosts() error {
	content := "127.0.0.1 localhost\n" + IP + " " + Name + "\n"
	return errors.Join(
		os.WriteFile(hostsFile(), []byte(content), 0o644),
		syscall.Mount(hostsFile(), "/etc/hosts", "", syscall.MS_BIND, ""),
	)
}

// AddHost has names resolve to an address, for everything but pods.
func AddHost(address string, names ...string) error {
	f, err := os.OpenFile(hostsFile(), os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, address, strings.Join(names, " "))
	return errors.Join(err, f.Close())
}

// RemoveHost takes the names of an address away again.
func RemoveHost(address string) error {
	content, err := os.ReadFile(hostsFile())
	if err != nil {
		return err
	}
	var kept strings.Builder
	for line := range strings.Lines(string(content)) {
		if !strings.HasPrefix(line, address+" ") {
			kept.WriteString(line)
		}
	}
	return os.WriteFile(hostsFile(), []byte(kept.String()), 0o644) // in place: it is mounted
}
