package registry

// CanonicalHost is the host that instance id goes by: its public name, or the
// first of those it has. It is empty while its hosts are not known. ok tells
// whether there is such an instance at all.
func (d *Directory) CanonicalHost(id ID) (h Host, ok bool) {
	for _, e := range d.entries {
		if e.ID != id {
			continue
		}
		ok = true
		if names := e.Hosts.All(); len(names) > 0 {
			return names[0], true
		}
	}
	return "", ok
}

// Aliases maps every host of an instance that is known to the host that the
// instance goes by. The hosts of a fixed login are registries of their own,
// which share nothing but a password: they have no alias.
func (d *Directory) Aliases() map[Host]Host {
	aliases := make(map[Host]Host, len(d.byHost))
	for h, indices := range d.byHost {
		id := d.entries[indices[0]].ID
		if _, err := ParseID(string(id)); err == nil {
			aliases[h], _ = d.CanonicalHost(id)
		}
	}
	return aliases
}

// MayBeOurs tells whether host may be one of an instance whose hosts are not
// known yet, as far as its name goes.
func (d *Directory) MayBeOurs(h Host) bool {
	if _, known := d.byHost[h]; known || len(d.unnamed) == 0 {
		return false
	}
	return isInstanceName(h) && !isPublicMirror(h)
}
