//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"github.com/tcr-webhook/tcr-webhook/cmd/tcr-hosts/hostsfile"
)

// view is how matters stood when we last looked. It does not change.
type view struct {
	at        time.Time
	known     bool
	entries   int // of ours, in the hosts file
	refused   []string
	conflicts []hostsfile.Conflict
	held      bool // a repair waits, since somebody keeps undoing it
	listErr   error
	fileErr   error
}

var (
	errNoList = errors.New("there is no list of names yet")
	errHeld   = errors.New("somebody keeps removing our names from the hosts file, so that they are put back ever more seldom; find who writes it (the hosts-updater of the TCR add-on, cloud-init, a script), and stop one of the two")
)

// err is what keeps the hosts file from being as the list has it.
func (v *view) err() error {
	errs := []error{v.listErr, v.fileErr}
	if !v.known && v.listErr == nil {
		errs = append(errs, errNoList)
	}
	if v.held {
		errs = append(errs, errHeld)
	}
	return errors.Join(errs...)
}

// report logs what is not as it was before, so that what lasts is told once.
func (v *view) report(ctx context.Context, before *view) {
	log := logr.FromContextOrDiscard(ctx)
	if before == nil {
		before = &view{known: true}
	}
	switch now, then := text(v.err()), text(before.err()); {
	case now == then:
	case now != "":
		log.Error(v.err(), "the hosts file is not as it should be")
	default:
		log.Info("the hosts file is as it should be")
	}
	for _, name := range v.refused {
		if !slices.Contains(before.refused, name) {
			log.Error(nil, "refused a name that --domains does not allow", "domain", name)
		}
	}
	for _, c := range v.conflicts {
		if !slices.Contains(before.conflicts, c) {
			log.Error(nil, "somebody else's line names a registry; remove it, or what writes it (the hosts-updater of the TCR add-on does)",
				"kind", c.Kind, "line", c.Line, "domain", c.Domain, "address", c.Address.String())
		}
	}
	if len(v.conflicts) == 0 && len(before.conflicts) > 0 && v.fileErr == nil {
		log.Info("nobody else's line names a registry any more")
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// String says all of it in lines, for people.
func (v *view) String() string {
	var b strings.Builder
	if err := v.err(); err != nil {
		fmt.Fprintln(&b, err)
	}
	fmt.Fprintf(&b, "%d entries\n", v.entries)
	for _, name := range v.refused {
		fmt.Fprintf(&b, "refused %s: --domains does not allow it\n", name)
	}
	for _, c := range v.conflicts {
		fmt.Fprintf(&b, "line %d gives %s the address %s (%s)\n", c.Line, c.Domain, c.Address, c.Kind)
	}
	return b.String()
}
