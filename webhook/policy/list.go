package policy

import "strings"

// none is no index of a pattern.
const none = -1

// list finds a pattern for an image in a time that hardly depends on how many
// there are: a look for the host, and one for each segment of the path.
type list struct {
	any   int // index of a pattern for every image
	hosts map[address]*segment
	wild  map[string]*label // hosts with a "*", by their port
}

// address is a host on a port.
type address struct{ host, port string }

// label is a label of a host, and what may stand before it.
type label struct {
	before map[string]*label
	any    *label   // before: a "*"
	paths  *segment // of the host that begins here; nil where none does
}

// segment is a segment of a path, and what may come next. The first one is the
// host itself.
type segment struct {
	next map[string]*segment
	any  *segment // next: a "*"
	end  int      // index of the pattern that ends here
	rest int      // index of the pattern for all that follows
}

func newSegment() *segment { return &segment{end: none, rest: none} }

// newList makes a list of patterns in canonical form.
func newList(patterns []Pattern) *list {
	l := &list{any: none, hosts: map[address]*segment{}, wild: map[string]*label{}}
	for i, p := range patterns {
		if p.Any {
			first(&l.any, i)
			continue
		}
		s := l.host(p.Host, p.Port)
		for _, name := range p.Path {
			s = s.step(name)
		}
		if p.Rest {
			first(&s.rest, i)
		} else {
			first(&s.end, i)
		}
	}
	return l
}

// first keeps the index of the first of several equal patterns.
func first(at *int, i int) {
	if *at == none {
		*at = i
	}
}

// host is where the paths of a host begin.
func (l *list) host(host, port string) *segment {
	if !strings.Contains(host, wildcard) {
		at := address{host, port}
		if l.hosts[at] == nil {
			l.hosts[at] = newSegment()
		}
		return l.hosts[at]
	}
	if l.wild[port] == nil {
		l.wild[port] = &label{}
	}
	at, labels := l.wild[port], strings.Split(host, ".")
	for i := len(labels) - 1; i >= 0; i-- {
		at = at.step(labels[i])
	}
	if at.paths == nil {
		at.paths = newSegment()
	}
	return at.paths
}

func (l *label) step(name string) *label {
	if name == wildcard {
		if l.any == nil {
			l.any = &label{}
		}
		return l.any
	}
	if l.before == nil {
		l.before = map[string]*label{}
	}
	if l.before[name] == nil {
		l.before[name] = &label{}
	}
	return l.before[name]
}

func (s *segment) step(name string) *segment {
	if name == wildcard {
		if s.any == nil {
			s.any = newSegment()
		}
		return s.any
	}
	if s.next == nil {
		s.next = map[string]*segment{}
	}
	if s.next[name] == nil {
		s.next[name] = newSegment()
	}
	return s.next[name]
}

// find is the index of a pattern that holds for img, or none.
func (l *list) find(img *image) int {
	if l.any != none {
		return l.any
	}
	host := string(img.Host)
	if s := l.hosts[address{host, img.Port}]; s != nil {
		if i := s.find(img.Path, img.official); i != none {
			return i
		}
	}
	if at := l.wild[img.Port]; at != nil {
		return at.find(host, img)
	}
	return none
}

// find goes through the labels of host from its last.
func (l *label) find(host string, img *image) int {
	dot := strings.LastIndexByte(host, '.')
	name, more := host[dot+1:], host[:max(dot, 0)]
	for _, at := range [2]*label{l.before[name], l.any} {
		switch {
		case at == nil:
		case dot >= 0:
			if i := at.find(more, img); i != none {
				return i
			}
		case at.paths != nil:
			if i := at.paths.find(img.Path, img.official); i != none {
				return i
			}
		}
	}
	return none
}

// find goes through the segments of path; behindOfficial puts one before it.
func (s *segment) find(path string, behindOfficial bool) int {
	if s.rest != none {
		return s.rest
	}
	name, more, found := official, path, true
	if !behindOfficial {
		name, more, found = strings.Cut(path, "/")
	}
	for _, at := range [2]*segment{s.next[name], s.any} {
		switch {
		case at == nil:
		case found:
			if i := at.find(more, false); i != none {
				return i
			}
		case at.end != none:
			return at.end
		}
	}
	return none
}
