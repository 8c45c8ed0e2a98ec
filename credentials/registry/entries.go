package registry

import "slices"

// Entries lists the entries of the directory in their order, each with the
// hosts that it answers for.
func (d *Directory) Entries() []Entry { return slices.Clone(d.entries) }

// Hosts lists every host that is served, each once, in order.
func (d *Directory) Hosts() []Host {
	hosts := make([]Host, 0, len(d.byHost))
	for h := range d.byHost {
		hosts = append(hosts, h)
	}
	slices.Sort(hosts)
	return hosts
}
