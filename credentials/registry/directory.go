package registry

import (
	"cmp"
	"fmt"
	"slices"
)

// Entry is one configured registry: an instance, what is known of it, and the
// namespaces it serves.
type Entry struct {
	ID ID
	// Account is whose login the entry's namespaces get.
	Account    Account
	Hosts      Hosts
	Route      Route
	Reach      Reach // of RouteNone, and of an entry whose hosts are not known
	Namespaces Namespaces
	// EveryNamespace asks for the login as soon as a namespace exists instead
	// of with its first pod.
	EveryNamespace bool
}

// Key names the login of the entry.
func (e *Entry) Key() Key { return Key{ID: e.ID, Account: e.Account} }

// Directory is every registry there is, as one immutable snapshot. Build it
// with NewDirectory; the zero value knows no registry.
type Directory struct {
	entries []Entry
	byHost  map[Host][]int // indices of entries, in their order
	unnamed []int          // indices of entries whose hosts are not known yet
}

// Conflict is a host name that two instances claim.
type Conflict struct {
	Host        Host
	Kept, Taken ID // Kept answers for the name, Taken no longer does
}

// NewDirectory builds a snapshot of entries, whose order is their precedence.
//
// An instance may itself be named "demo-vpc", so that the private name which
// belongs to an instance "demo" by pattern is in truth another's public name.
// A public name therefore wins over a custom domain, and that over a private
// name, and whoever loses a name is never sent to it.
func NewDirectory(entries []Entry) (*Directory, []Conflict) {
	owners, conflicts := claim(entries)
	d := &Directory{byHost: map[Host][]int{}}
	for i, e := range entries {
		named := e.Hosts.Public != ""
		if owner := owners[e.Hosts.Private]; e.Route == RoutePrivateName && owner != e.ID && owner != "" {
			e.Reach = nameTaken(e.ID, e.Hosts.Private, owner)
		}
		e.Hosts = e.Hosts.only(func(h Host) bool { return owners[h] == e.ID })
		d.entries = append(d.entries, e)
		if !named {
			d.unnamed = append(d.unnamed, i)
		}
		for _, h := range e.Hosts.All() {
			d.byHost[h] = append(d.byHost[h], i)
		}
	}
	return d, conflicts
}

func nameTaken(id ID, private Host, owner ID) Reach {
	return Reach{NoPrivateHost, fmt.Sprintf("the name %s belongs to instance %s, so there is none to reach %s privately by; have its public name resolve privately, or set route: Public", private, owner, id)}
}

// claim decides which instance answers for each host.
func claim(entries []Entry) (map[Host]ID, []Conflict) {
	owners := map[Host]ID{}
	lost := map[Conflict]struct{}{}
	take := func(h Host, id ID) {
		owner, taken := owners[h]
		switch {
		case h == "":
		case !taken:
			owners[h] = id
		case owner != id:
			lost[Conflict{Host: h, Kept: owner, Taken: id}] = struct{}{}
		}
	}
	for _, e := range entries {
		take(e.Hosts.Public, e.ID)
	}
	for _, e := range entries {
		for _, h := range e.Hosts.Custom {
			take(h, e.ID)
		}
	}
	for _, e := range entries {
		take(e.Hosts.Private, e.ID)
	}
	conflicts := make([]Conflict, 0, len(lost))
	for c := range lost {
		conflicts = append(conflicts, c)
	}
	slices.SortFunc(conflicts, func(a, b Conflict) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Taken, b.Taken))
	})
	return owners, conflicts
}

// only is h without the names that keep refuses.
func (h Hosts) only(keep func(Host) bool) Hosts {
	kept := Hosts{}
	if keep(h.Public) {
		kept.Public = h.Public
	}
	if keep(h.Private) {
		kept.Private = h.Private
	}
	for _, c := range h.Custom {
		if keep(c) {
			kept.Custom = append(kept.Custom, c)
		}
	}
	return kept
}

// Serving lists the entries whose logins ns gets: of each instance the first
// entry that selects it, in the directory's order.
func (d *Directory) Serving(ns Namespace) []Entry {
	var serving []Entry
	for _, e := range d.entries {
		again := slices.ContainsFunc(serving, func(s Entry) bool { return s.ID == e.ID })
		if !again && e.Namespaces.Match(ns) {
			serving = append(serving, e)
		}
	}
	return serving
}

// IDs lists the instances of the directory, each once, in its order.
func (d *Directory) IDs() []ID {
	var ids []ID
	for _, e := range d.entries {
		if !slices.Contains(ids, e.ID) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}
