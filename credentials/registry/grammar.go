package registry

import "strings"

// maxName is the longest name, host and path together, that the reference
// grammar allows (distribution/reference, NameTotalLengthMax).
const maxName = 255

// wellFormed accepts what nearly all references look like behind their host:
// a path, a tag if any, a sha256 digest if any. It accepts nothing that
// distribution/reference refuses, and what it does not accept is for that to
// judge: its regular expressions cost ten times as much, in memory as well.
//
// written is how long the host is as it was written; it is known to be one.
func wellFormed(written int, rest string) bool {
	name, digest, digested := strings.Cut(rest, "@")
	path, tag, tagged := strings.Cut(name, ":")
	return written+1+len(path) <= maxName && isPath(path) &&
		(!tagged || isTag(tag)) && (!digested || isSHA256(digest))
}

// isPath tells whether s is components of lower-case letters and digits with
// ".", "_", "__" or hyphens between them, joined by slashes.
func isPath(s string) bool {
	run := -1 // separators since the last letter or digit; -1 at a component's start
	for i := range len(s) {
		switch c := s[i]; {
		case isLowerAlnum(c):
			run = 0
		case run < 0:
			return false
		case c == '/':
			if run > 0 {
				return false
			}
			run = -1
		case c == '-':
			if run > 0 && s[i-1] != '-' {
				return false
			}
			run++
		case c == '_':
			if run > 1 || run == 1 && s[i-1] != '_' {
				return false
			}
			run++
		case c == '.':
			if run > 0 {
				return false
			}
			run++
		default:
			return false
		}
	}
	return run == 0
}

// maxTag is the longest tag.
const maxTag = 128

// isTag tells whether s is a word character followed by those, dots and
// hyphens.
func isTag(s string) bool {
	if s == "" || len(s) > maxTag || s[0] == '.' || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !isLowerAlnum(c) && (c < 'A' || c > 'Z') && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

// isSHA256 tells whether s is a sha256 digest.
func isSHA256(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	if !ok || len(hex) != 64 {
		return false
	}
	for i := range len(hex) {
		if c := hex[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isLowerAlnum(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
