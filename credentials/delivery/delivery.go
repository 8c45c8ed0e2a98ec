// Package delivery decides which namespaces get their pull Secret before a pod
// asks for it. Admission and the controller ask the same functions, so that a
// call that never came loses nothing.
//
// Everything here is a pure function of a namespace and the directory of
// registries: no client, no clock. The webhook and package credentials import
// it.
package delivery

import (
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Annotation on a Namespace names instances, separated by commas, whose login
// is to be there at once instead of with the first pod. It hastens what the
// configuration gives the namespace anyway and never widens it.
const Annotation = "tcr-webhook.io/deliver"

// Namespace is what delivery is decided by.
type Namespace struct {
	registry.Namespace
	// Deliver is the value of Annotation; empty for none.
	Deliver string
}

// Entries lists the entries whose logins ns gets: those that serve it, unless it
// has opted out.
func Entries(d *registry.Directory, ns registry.Namespace) []registry.Entry {
	if ns.Labels[registry.InjectLabel] == registry.InjectDisabled {
		return nil
	}
	return d.Serving(ns)
}

// Unasked tells whether ns gets its pull Secret without waiting for a pod:
// since the configuration delivers to every namespace, or since ns names an
// instance that serves it.
func Unasked(d *registry.Directory, ns Namespace) bool {
	named := names(ns.Deliver)
	return slices.ContainsFunc(Entries(d, ns.Namespace), func(e registry.Entry) bool {
		return e.EveryNamespace || slices.Contains(named, string(e.ID))
	})
}

// Refused lists what ns names in Annotation and may not have, as written, and
// what it may. Both are in order; refused is empty where nothing is wrong.
func Refused(d *registry.Directory, ns Namespace) (refused []string, may []registry.ID) {
	for _, e := range Entries(d, ns.Namespace) {
		may = append(may, e.ID)
	}
	for _, name := range names(ns.Deliver) {
		if !slices.Contains(may, registry.ID(name)) {
			refused = append(refused, name)
		}
	}
	return refused, may
}

// names are the names in a list with commas, each once.
func names(list string) []string {
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
