package policy

import (
	"maps"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// official is the namespace of Docker Hub that an image leaves out.
const official = "library"

// aliasesOf maps every host that has another name to that name. Docker Hub has
// one that the reference grammar knows, and two that it is served under.
func aliasesOf(d *registry.Directory) map[registry.Host]registry.Host {
	aliases := d.Aliases()
	maps.DeleteFunc(aliases, func(from, to registry.Host) bool { return from == to })
	for _, h := range []registry.Host{"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"} {
		aliases[h] = registry.DockerHub
	}
	return aliases
}

// image is a reference in canonical form.
type image struct {
	registry.Reference
	// official: the path goes on behind "library/", which is left out.
	official bool
}

// canonical reads an image reference. It needs no memory for what people
// usually write.
func (p *Policy) canonical(text string) (image, bool) {
	ref, ok := registry.ParseReference(text)
	if !ok {
		return image{}, false
	}
	if ref.Port == "" {
		if h, found := p.aliases[ref.Host]; found {
			ref.Host = h
		}
	}
	hub := ref.Host == registry.DockerHub && ref.Port == ""
	return image{ref, hub && strings.IndexByte(ref.Path, '/') < 0}, true
}

// Canonical is the reference that an image is judged by: the instance's own
// host, "docker.io/library" where it is left out, and the tag and digest as
// they are written. ok is false for what is no reference.
func (p *Policy) Canonical(text string) (_ string, ok bool) {
	img, ok := p.canonical(text)
	if !ok {
		return "", false
	}
	repository := Pattern{Host: string(img.Host), Port: img.Port, Path: []string{img.Path}}
	if img.official {
		repository.Path = []string{official, img.Path}
	}
	return repository.String() + img.Tail, true
}

// Aliases maps host names to the name that stands for them in patterns and
// images in canonical form. It holds for the default port alone.
func (p *Policy) Aliases() map[string]string {
	aliases := make(map[string]string, len(p.aliases))
	for from, to := range p.aliases {
		aliases[string(from)] = string(to)
	}
	return aliases
}

// expand is what a term stands for in canonical form. It is empty for an
// instance whose hosts are not known.
func (p *Policy) expand(t term) []Pattern {
	switch {
	case t.system:
		return systemPatterns()
	case t.instance != "":
		h, _ := p.directory.CanonicalHost(t.instance)
		if h == "" {
			return nil
		}
		instance := t.pattern
		instance.Host = string(h)
		return []Pattern{instance}
	case t.pattern.Any || t.pattern.Port != "":
		return []Pattern{t.pattern}
	}
	return p.expandHost(t.pattern)
}

// expandHost puts the names that instances go by for those that a pattern
// holds for.
func (p *Policy) expandHost(written Pattern) []Pattern {
	if !strings.Contains(written.Host, wildcard) {
		if h, found := p.aliases[registry.Host(written.Host)]; found {
			written.Host = string(h)
		}
		return []Pattern{written.withOfficial()}
	}
	patterns := []Pattern{written}
	names := map[string]bool{}
	if hostMatches(written.Host, string(registry.DockerHub)) && len(written.Path) == 1 {
		names[string(registry.DockerHub)] = true // its path is a longer one there
	}
	for from, to := range p.aliases {
		if hostMatches(written.Host, string(from)) && !hostMatches(written.Host, string(to)) {
			names[string(to)] = true
		}
	}
	for _, h := range sortedKeys(names) {
		named := written
		named.Host = h
		patterns = append(patterns, named.withOfficial())
	}
	return patterns
}

// withOfficial completes the path of an image of Docker Hub.
func (p Pattern) withOfficial() Pattern {
	if p.Host == string(registry.DockerHub) && p.Port == "" && len(p.Path) == 1 && !p.Rest && p.Path[0] != wildcard {
		p.Path = []string{official, p.Path[0]}
	}
	return p
}

// hostMatches tells whether host is one that pattern holds for.
func hostMatches(pattern, host string) bool {
	for {
		want, moreWanted, wanted := strings.Cut(pattern, ".")
		label, more, found := strings.Cut(host, ".")
		if want != wildcard && want != label || wanted != found {
			return false
		}
		if !wanted {
			return true
		}
		pattern, host = moreWanted, more
	}
}
