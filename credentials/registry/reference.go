package registry

import (
	"net/netip"
	"strings"
)

// DockerHub is the host of images that name none: "nginx" is
// "docker.io/library/nginx".
const DockerHub Host = "docker.io"

// Reference is a valid image reference, taken apart.
type Reference struct {
	// Host is in lower case, whether it is an instance's or not. It is
	// DockerHub where the image names none.
	Host Host
	// Port is empty where the image names none, or 443 in any spelling.
	Port string
	// Path is the repository as it is written: of "nginx", it is "nginx".
	Path string
	// Tail is the tag and the digest as they are written, with ":" and "@".
	Tail string
}

// ParseReference takes image apart and tells whether it is a reference at all,
// by the grammar of container runtimes. An image that nobody can pull is none.
func ParseReference(image string) (Reference, bool) {
	written, rest := "", image
	img, hosted := splitHost(image)
	if hosted {
		written, rest = image[:len(image)-len(img.Rest)-1], img.Rest
	} else {
		img.Host = DockerHub
	}
	if !plain(img, written, rest) && !grammatical(image) {
		return Reference{}, false
	}
	end := strings.IndexAny(rest, ":@")
	if end < 0 {
		end = len(rest)
	}
	return Reference{Host: plainAddress(img.Host), Port: plainPort(img.Port), Path: rest[:end], Tail: rest[end:]}, true
}

// Digested tells whether the reference names one content for ever.
func (r Reference) Digested() bool { return strings.IndexByte(r.Tail, '@') >= 0 }

// implied is what the reference grammar puts before a name without a host.
const implied = "docker.io/library"

// plain accepts what nearly all references look like, and nothing that the
// grammar refuses; see wellFormed.
func plain(img imageRef, written, rest string) bool {
	if written == "" {
		// 64 hexadecimal digits are an image's id, and refused.
		return len(rest) != 64 && wellFormed(len(implied), rest)
	}
	return isDomain(string(img.Host)) && isDigits(img.Port) && wellFormed(len(written), rest)
}

// isDomain tells whether s, in lower case, is labels of letters and digits with
// hyphens inside them, joined by dots.
func isDomain(s string) bool {
	edge := true // a label's start, or behind a hyphen
	for i := range len(s) {
		switch c := s[i]; {
		case isLowerAlnum(c):
			edge = false
		case c == '-' && i > 0 && s[i-1] != '.':
			edge = true
		case c == '.' && !edge:
			edge = true
		default:
			return false
		}
	}
	return !edge
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// plainPort is port as a number is written, and empty for the default.
func plainPort(port string) string {
	if strings.HasPrefix(port, "0") {
		port = strings.TrimLeft(port[:len(port)-1], "0") + port[len(port)-1:]
	}
	if port == httpsPort {
		return ""
	}
	return port
}

// plainAddress gives an IPv6 address its one spelling. Names stay.
func plainAddress(h Host) Host {
	inner, ok := strings.CutPrefix(string(h), "[")
	if !ok {
		return h
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
	if err != nil {
		return h // the grammar takes more than addresses
	}
	return Host("[" + address.String() + "]")
}
