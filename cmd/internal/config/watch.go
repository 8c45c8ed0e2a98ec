package config

import (
	"bytes"
	"context"
	"os"
	"time"
)

// Watcher reads a configuration file again whenever its content changes.
type Watcher struct {
	// Name of the file. A mounted ConfigMap is a chain of links that is
	// swapped whole, which reading by name follows.
	Name string
	// Every is how often the file is read; it is small. The kubelet takes up to
	// a minute to renew a mounted ConfigMap, so a few seconds are not felt.
	Every time.Duration
	// Changed is called with each new content that differs from the last one
	// seen, decoded, or with the error that made it unusable.
	Changed func(*Config, error)
	// Seen is the content that is in force already.
	Seen []byte
}

// Start watches until ctx ends.
func (w *Watcher) Start(ctx context.Context) error {
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			w.look()
		}
	}
}

// NeedLeaderElection is false: each replica follows its own file.
func (w *Watcher) NeedLeaderElection() bool { return false }

func (w *Watcher) look() {
	data, err := os.ReadFile(w.Name)
	if err != nil {
		// The file is gone for a moment while a mount is swapped, and for good
		// if somebody deleted it: either way what is in force stays.
		if w.Seen != nil {
			w.Seen = nil
			w.Changed(nil, err)
		}
		return
	}
	if w.Seen != nil && bytes.Equal(data, w.Seen) {
		return
	}
	w.Seen = data
	w.Changed(Decode(w.Name, data))
}
