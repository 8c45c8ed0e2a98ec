package hostsfile

import (
	"bytes"
	"net/netip"
	"strings"
)

// Conflict is a line of somebody else that names a registry.
type Conflict struct {
	Kind    ConflictKind
	Line    int // from 1
	Domain  string
	Address netip.Addr
}

// ConflictKind says what a line of somebody else does to a name.
type ConflictKind string

// The kinds of conflicts.
const (
	// OtherAddress: we have another one for the name, and resolvers take the
	// first of the two or try both.
	OtherAddress ConflictKind = "OtherAddress"
	// NotPublished: the name should have no address here, since nobody
	// publishes it or its link is gone, and has this one.
	NotPublished ConflictKind = "NotPublished"
)

// Conflicts lists the lines of content, other than our own, that give names
// which are ours to give addresses that we do not give them, such as those that
// the hosts-updater of the TCR add-on leaves. They are for people to remove.
func Conflicts(content []byte, entries []Entry, d Domains) []Conflict {
	wanted := make(map[string]netip.Addr, len(entries))
	for _, e := range entries {
		wanted[e.Domain] = e.Address
	}
	var found []Conflict
	for n, line := range lines(content) {
		if kindOf(bytes.TrimSuffix(line, []byte("\n"))) != foreign {
			continue
		}
		address, names := parse(line)
		for _, name := range names {
			want, published := wanted[name]
			switch {
			case published && want != address:
				found = append(found, Conflict{OtherAddress, n, name, address})
			case !published && d.Allow(name):
				found = append(found, Conflict{NotPublished, n, name, address})
			}
		}
	}
	return found
}

// parse reads a line as a resolver does (hosts(5)): an address, its names, and
// a comment. What is no such line has no names.
func parse(line []byte) (netip.Addr, []string) {
	line, _, _ = bytes.Cut(bytes.TrimPrefix(line, []byte("\ufeff")), []byte("#"))
	if len(bytes.TrimSpace(line)) == 0 {
		return netip.Addr{}, nil
	}
	fields := strings.Fields(strings.ToLower(string(line)))
	address, err := netip.ParseAddr(fields[0])
	if err != nil {
		return netip.Addr{}, nil
	}
	for i, name := range fields {
		fields[i] = strings.TrimSuffix(name, ".")
	}
	return address.Unmap(), fields[1:]
}
