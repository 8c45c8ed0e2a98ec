package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tcr-webhook/tcr-webhook/credentials"
	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
	"github.com/tcr-webhook/tcr-webhook/credentials/route"
)

// The ConfigMap of our own namespace that the node agent mounts, and the file
// in it.
const (
	hostsName = "tcr-webhook-hosts"
	hostsKey  = "hosts.yaml"
)

// hostsWriter keeps that ConfigMap, on the leader. Without an agent there is
// none, and one that is left of it is emptied, so that nodes let go of it.
type hostsWriter struct {
	client    client.Client
	live      client.Reader
	namespace string // our own
	// lines are what it should hold; ok is false while that cannot be told.
	lines   func() (lines []route.Line, ok bool)
	enabled func() bool

	wake chan struct{} // capacity one

	// Of Start's goroutine alone.
	last hostsWrite
	at   time.Time // of it
}

// hostsWrite is what was written, and whether for an agent.
type hostsWrite struct {
	text    string
	enabled bool
}

const (
	// hostsAgain is how soon a write that failed is tried again.
	hostsAgain = 5 * time.Second
	// hostsAtLeast is how often the ConfigMap is put right that somebody has
	// changed.
	hostsAtLeast = 5 * time.Minute
)

func (s *server) newHostsWriter() *hostsWriter {
	return &hostsWriter{
		client: s.mgr.GetClient(), live: s.mgr.GetAPIReader(), namespace: s.opts.namespace, lines: s.hostLines,
		enabled: func() bool { return s.config.Load().NodeAgent.Enabled }, wake: make(chan struct{}, 1),
	}
}

// hostLines are the names that nodes are to have.
func (s *server) hostLines() ([]route.Line, bool) {
	d := s.instances.Directory()
	if d == nil {
		return nil, false
	}
	return route.Lines(d.Entries(), func(id registry.ID) route.State {
		state, _ := s.routes.State(id)
		return state
	})
}

// NeedLeaderElection is true: there is one ConfigMap.
func (h *hostsWriter) NeedLeaderElection() bool { return true }

// Start writes until ctx ends.
func (h *hostsWriter) Start(ctx context.Context) error {
	for {
		wait := hostsAtLeast
		if err := h.keep(ctx, time.Now()); err != nil && ctx.Err() == nil {
			ctrl.LoggerFrom(ctx).Error(err, "Names for the node agent not written; tried again")
			wait = hostsAgain
		}
		if !pause(ctx, wait, h.wake) {
			return nil
		}
	}
}

// keep writes what should be there, unless that is what was written last, not
// long ago.
func (h *hostsWriter) keep(ctx context.Context, now time.Time) error {
	lines, ok := h.lines()
	if !ok {
		return nil
	}
	text, err := hostsYAML(lines)
	if err != nil {
		return err
	}
	next := hostsWrite{text: text, enabled: h.enabled()} // an agent cannot mount what is not there
	if next == h.last && now.Sub(h.at) < hostsAtLeast {
		return nil
	}
	if err := h.write(ctx, text); err != nil {
		return err
	}
	h.last, h.at = next, now
	return nil
}

// hostsYAML is lines as the agent reads them: none are a list, too.
func hostsYAML(lines []route.Line) (string, error) {
	text, err := yaml.Marshal(append([]route.Line{}, lines...))
	return string(text), err
}

func (h *hostsWriter) write(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	if !h.enabled() {
		var old corev1.ConfigMap
		err := h.live.Get(ctx, types.NamespacedName{Namespace: h.namespace, Name: hostsName}, &old)
		if err != nil || old.Data[hostsKey] == text {
			return client.IgnoreNotFound(err)
		}
	}
	cm := corev1ac.ConfigMap(hostsName, h.namespace).
		WithLabels(map[string]string{"app.kubernetes.io/managed-by": credentials.FieldManager}).
		WithData(map[string]string{hostsKey: text})
	if err := h.client.Apply(ctx, cm, client.FieldOwner(credentials.FieldManager), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply ConfigMap %s: %w", hostsName, err)
	}
	return nil
}
