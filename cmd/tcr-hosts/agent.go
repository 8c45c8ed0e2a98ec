//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"github.com/tcr-webhook/tcr-webhook/cmd/tcr-hosts/hostsfile"
	"github.com/tcr-webhook/tcr-webhook/cmd/tcr-hosts/nodefile"
)

// agent keeps the hosts file as the list has it.
type agent struct {
	source       source
	file         *nodefile.File
	domains      hostsfile.Domains
	interval     time.Duration
	removeOnExit bool

	applied list // as of the last edit that succeeded
	quarrel quarrel
	view    atomic.Pointer[view]
	writes  writes
}

// Start looks at both files at each interval until ctx ends, or the file that we
// see is no longer the node's.
func (a *agent) Start(ctx context.Context) error {
	tick := time.NewTicker(a.interval)
	defer tick.Stop()
	for {
		if err := a.round(ctx, time.Now()); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if a.removeOnExit {
				return a.remove(ctx)
			}
			return nil
		}
	}
}

// round does what is to be done at now. Only what a new container alone can mend
// is an error.
func (a *agent) round(ctx context.Context, now time.Time) error {
	want, listErr := a.source.look()
	v := view{at: now, refused: want.refused, listErr: listErr, known: want.known}
	if want.known {
		v.fileErr = a.keep(ctx, want, &v)
	}
	v.report(ctx, a.view.Swap(&v))
	if errors.Is(v.fileErr, nodefile.ErrReplaced) {
		return v.fileErr
	}
	return nil
}

// keep makes the hosts file have what want says, and notes in v what it has.
func (a *agent) keep(ctx context.Context, want list, v *view) error {
	repair := a.applied.known && slices.Equal(a.applied.entries, want.entries)
	how, err := a.file.Edit(func(content []byte) []byte {
		next := hostsfile.Apply(content, want.entries)
		v.held = repair && a.quarrel.holds(v.at) && !bytes.Equal(next, content)
		if v.held {
			next = content
		}
		v.conflicts = hostsfile.Conflicts(content, want.entries, a.domains)
		v.entries = hostsfile.Entries(next)
		return next
	})
	a.writes.count(how, err)
	if err != nil {
		return fmt.Errorf("keep the names in the hosts file: %w", err)
	}
	if how != nodefile.Unchanged {
		logr.FromContextOrDiscard(ctx).Info("wrote the hosts file", "how", how, "entries", v.entries, "repair", repair)
		if repair {
			a.quarrel.repaired(v.at)
		}
	}
	a.applied = want
	return nil
}

// remove takes our block out.
func (a *agent) remove(ctx context.Context) error {
	how, err := a.file.Edit(func(content []byte) []byte { return hostsfile.Apply(content, nil) })
	if err != nil {
		return fmt.Errorf("take our names out of the hosts file: %w", err)
	}
	logr.FromContextOrDiscard(ctx).Info("took our names out of the hosts file", "how", how)
	return nil
}
