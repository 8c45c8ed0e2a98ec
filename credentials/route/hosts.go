package route

import (
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Line is a name that nodes find in their hosts files, in the form of the TCR
// add-on's hosts.yaml.
type Line struct {
	Domain   registry.Host `json:"domain"`
	IP       string        `json:"ip"`
	Disabled bool          `json:"disabled"`
}

// Lines are the names of the instances that are reached by them, in order. ok
// is false while the address of one is not known for sure: what nodes have is
// then best left as it is.
func Lines(entries []registry.Entry, state func(registry.ID) State) (lines []Line, ok bool) {
	lines = []Line{}
	for _, e := range entries {
		if e.Route != registry.RouteHosts {
			continue
		}
		seen := state(e.ID).Seen
		if seen.Link != LinkRunning {
			return nil, false
		}
		for _, h := range e.Hosts.All() {
			if !slices.ContainsFunc(lines, func(l Line) bool { return l.Domain == h }) {
				lines = append(lines, Line{Domain: h, IP: seen.IP})
			}
		}
	}
	slices.SortFunc(lines, func(a, b Line) int { return strings.Compare(string(a.Domain), string(b.Domain)) })
	return lines, true
}
