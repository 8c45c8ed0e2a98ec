//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tcr-webhook/tcr-webhook/cmd/tcr-hosts/hostsfile"
)

const (
	// maxList is the most that hosts.yaml may have, in bytes: what fits into a
	// ConfigMap.
	maxList = 1 << 20
	// looksUntilGone is how often in a row the list must be missing to count as
	// deleted, and our block with it.
	looksUntilGone = 2
)

// source is the list that tcr-webhook publishes. A list with a mistake leaves
// the last good one in force.
type source struct {
	name    string
	domains hostsfile.Domains

	missing int
	last    list
}

// list is what the hosts file is to have.
type list struct {
	entries []hostsfile.Entry
	refused []string // names that --domains does not allow
	known   bool     // false until a list was read, or is known to be deleted
}

// look reads the list. With an error it returns what is in force still.
func (s *source) look() (list, error) {
	data, err := readList(s.name)
	if errors.Is(err, os.ErrNotExist) {
		if s.missing++; s.missing >= looksUntilGone {
			s.last = list{known: true}
		}
		return s.last, nil
	}
	if err != nil {
		return s.last, fmt.Errorf("read the list of names: %w", err)
	}
	s.missing = 0
	entries, err := hostsfile.Decode(s.name, data)
	if err != nil {
		return s.last, err
	}
	s.last = s.allowed(entries)
	return s.last, nil
}

func (s *source) allowed(entries []hostsfile.Entry) list {
	l := list{known: true}
	for _, e := range entries {
		if s.domains.Allow(e.Domain) {
			l.entries = append(l.entries, e)
		} else {
			l.refused = append(l.refused, e.Domain)
		}
	}
	return l
}

func readList(name string) (_ []byte, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	data, err := io.ReadAll(io.LimitReader(file, maxList+1))
	if err == nil && len(data) > maxList {
		err = fmt.Errorf("%s has more than %d bytes", name, maxList)
	}
	return data, err
}
