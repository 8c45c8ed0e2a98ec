package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// Pattern is a pattern in canonical form: it holds for images in canonical
// form, of which see Canonical.
type Pattern struct {
	// Written is what the pattern was made from, such as "tcr-m3ut3qxx".
	Written string
	// Any holds for every image; the other fields are then empty.
	Any bool
	// Host is in lower case. "*" in it stands for one whole label.
	Host string
	// Port is empty for the default; no other port is the same host.
	Port string
	// Path is the repository's segments. "*" stands for one whole segment.
	Path []string
	// Rest asks for one segment or more behind Path; without it Path is all.
	Rest bool
}

// wildcard stands for a whole label or segment, and last for all that follow.
const wildcard = "*"

// String writes the pattern as it may stand in a rule.
func (p Pattern) String() string {
	if p.Any {
		return wildcard
	}
	b := []byte(p.Host)
	switch {
	case p.Port != "":
		b = append(append(b, ':'), p.Port...)
	case !strings.ContainsAny(p.Host, ".:") && p.Host != "localhost":
		b = append(b, ":443"...) // or it would read as a user of Docker Hub
	}
	for _, segment := range p.Path {
		b = append(append(b, '/'), segment...)
	}
	if p.Rest {
		b = append(b, "/*"...)
	}
	return string(b)
}

// term is a pattern as it was written, before hosts are looked up.
type term struct {
	written  string
	system   bool        // tke-system
	instance registry.ID // or empty
	pattern  Pattern     // of an instance: its path alone
}

// parseTerm reads a pattern:
//
//   - every image
//     tke-system                 what TKE's own components are pulled from
//     tcr-m3ut3qxx[/path]        an instance, by any of its hosts
//     host[:port][/path]         "*" for one whole label of the host
//     nginx, team/app            an image of Docker Hub
//
// A path is one repository, or with "/*" at its end all below it; any other "*"
// in it is one whole segment. Without a path it is the whole host.
func parseTerm(text string) (term, error) {
	first, path, hasPath := strings.Cut(text, "/")
	switch {
	case text == wildcard:
		return term{written: text, pattern: Pattern{Written: text, Any: true}}, nil
	case text == TKESystem:
		return term{written: text, system: true}, nil
	case strings.HasPrefix(first, "tcr-") && !strings.ContainsAny(first, ".:"):
		return instanceTerm(text, first, path, hasPath)
	}
	p, err := hostPattern(text, first, path, hasPath)
	if err != nil {
		return term{}, err
	}
	return term{written: text, pattern: p}, p.check()
}

func instanceTerm(text, id, path string, hasPath bool) (term, error) {
	parsed, err := registry.ParseID(id)
	if err != nil {
		return term{}, fmt.Errorf("%w; what is below this name on Docker Hub is written with docker.io/ before it", err)
	}
	p := Pattern{Written: text, Host: "an.instance", Rest: true}
	if hasPath {
		p.Path, p.Rest = splitPath(path)
	}
	return term{written: text, instance: parsed, pattern: p}, p.check()
}

func hostPattern(text, first, path string, hasPath bool) (Pattern, error) {
	p := Pattern{Written: text}
	switch {
	case strings.ContainsAny(text, "@ "):
		return p, fmt.Errorf("%q %w", text, errTagged)
	case !hasPath && looksTagged(text):
		return p, fmt.Errorf("%q %w; for a host with a port write %s/*", text, errTagged, text)
	case strings.ContainsAny(first, ".:") || first == "localhost":
		p.Host, p.Port = splitHost(first)
	case strings.Contains(first, wildcard):
		return p, fmt.Errorf("%q names no host: * stands for one whole label, as in *.example.com; for Docker Hub write docker.io/*", text)
	default: // Docker Hub
		p.Host, path, hasPath = string(registry.DockerHub), text, true
	}
	if !hasPath {
		p.Rest = true
		return p, nil
	}
	p.Path, p.Rest = splitPath(path)
	return p, nil
}

// looksTagged tells that text may be meant as an image of Docker Hub with a tag,
// such as "redis:7", though it could be a host with a port.
func looksTagged(text string) bool {
	name, _, found := strings.Cut(text, ":")
	return found && name != "localhost" && !strings.ContainsAny(name, ".[")
}

// splitHost splits a host from its port, as those of an image are.
func splitHost(s string) (host, port string) {
	sample := sampled(s, ".")
	if ref, ok := registry.ParseReference(sample + "/x"); ok {
		if sample == s {
			return string(ref.Host), ref.Port
		}
		s, _, _ = strings.Cut(s, ":")
		return strings.ToLower(s), ref.Port
	}
	return s, "" // which check complains about
}

// splitPath cuts a path into segments and takes "*" off its end.
func splitPath(path string) (segments []string, rest bool) {
	segments = strings.Split(path, "/")
	if segments[len(segments)-1] == wildcard {
		return slices.Clip(segments[:len(segments)-1]), true
	}
	return segments, false
}

// check tells whether some image could match: with names for "*", the pattern
// has to be one.
func (p Pattern) check() error {
	if slices.Contains(p.Path, "") {
		return fmt.Errorf("%q has an empty segment in its path", p.Written)
	}
	if strings.Contains(strings.Join(p.Path, "/"), ":") {
		return fmt.Errorf("%q %w", p.Written, errTagged)
	}
	sample := p.sample()
	text := sample.String()
	ref, ok := registry.ParseReference(text)
	switch {
	case ok && string(ref.Host) == sample.Host && ref.Port == sample.Port:
		return nil
	case strings.Contains(text, wildcard):
		return fmt.Errorf("%q can match no image: * stands for one whole label or segment, or at the end for all that follow", p.Written)
	case strings.ToLower(text) != text:
		return fmt.Errorf("%q can match no image: paths are in lower case", p.Written)
	}
	return fmt.Errorf("%q can match no image: want host[:port][/path] as in an image reference", p.Written)
}

var errTagged = errors.New("is not a pattern: want host[:port][/path], without a tag or digest; requireDigest asks for digests")

// sample is an image that the pattern holds for, if any does.
func (p Pattern) sample() Pattern {
	s := Pattern{Host: sampled(p.Host, "."), Port: p.Port}
	for _, segment := range p.Path {
		s.Path = append(s.Path, sampled(segment, "/"))
	}
	if p.Rest || p.Any {
		s.Path = append(s.Path, "x")
	}
	if p.Any {
		s.Host = "x.example"
	}
	return s
}

// sampled is text with a name for every "*" that is a whole part of it.
func sampled(text, separator string) string {
	parts := strings.Split(text, separator)
	for i, part := range parts {
		if part == wildcard {
			parts[i] = "x"
		}
	}
	return strings.Join(parts, separator)
}
