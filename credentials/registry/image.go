package registry

import (
	"strings"

	"github.com/distribution/reference"
)

// imageRef is an image reference cut at the host that its author wrote. What
// follows the host keeps its bytes: path, tag and digest are not ours to touch.
type imageRef struct {
	Host Host   // lower case
	Port string // as written, without the colon
	Rest string // everything behind the first slash
}

// grammatical judges s by the grammar that container runtimes use.
func grammatical(s string) bool {
	_, err := reference.ParseNormalizedNamed(s)
	return err == nil
}

// splitHost cuts a reference at its host by the rule of the reference grammar:
// the part before the first slash is a host if it holds a dot, a colon or an
// upper-case letter, or is "localhost". It judges nothing else, which makes it
// cheap enough to sort out the many images that are none of ours.
func splitHost(s string) (imageRef, bool) {
	first, rest, found := strings.Cut(s, "/")
	lower := lowerASCII(first)
	if !found || !strings.ContainsAny(first, ".:") && first != "localhost" && lower == first {
		return imageRef{}, false
	}
	host, port := lower, ""
	if i := strings.LastIndexByte(lower, ':'); i >= 0 && i+1 < len(lower) && !strings.HasSuffix(lower, "]") {
		host, port = lower[:i], lower[i+1:]
	}
	return imageRef{Host: Host(host), Port: port, Rest: rest}, true
}

// at is the reference to the same image under another host.
func (i imageRef) at(h Host) string { return string(h) + "/" + i.Rest }

// lowerASCII is strings.ToLower without the letters of other scripts, some of
// which it would turn into ASCII: the Kelvin sign is no k of a host name.
func lowerASCII(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return 'A' <= r && r <= 'Z' }) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
