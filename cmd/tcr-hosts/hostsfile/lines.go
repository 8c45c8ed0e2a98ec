package hostsfile

import (
	"bytes"
	"fmt"
	"iter"
	"net/netip"
	"strings"
)

const (
	beginMark = "# BEGIN tcr-hosts"
	beginText = beginMark + " (kept by tcr-webhook: a change to these lines is undone)"
	endMark   = "# END tcr-hosts"
	tag       = "# tcr-hosts"
	// separator between address and name: unusual, so that the beginning of one
	// of our lines is not the beginning of somebody else's.
	separator = " \t"
	// added comes with the checksum of the line that had no newline before us.
	added = " newline-added="
)

// line is how e stands in the file, without its newline.
func (e Entry) line() string {
	return e.Address.String() + separator + e.Domain + " " + tag
}

// kind says whose a line is.
type kind int

const (
	foreign kind = iota
	begins
	ends
	entry
)

// kindOf takes a line without its newline.
func kindOf(line []byte) kind {
	line = bytes.TrimSuffix(line, []byte("\r"))
	switch {
	case string(line) == beginMark || bytes.HasPrefix(line, []byte(beginMark+" ")):
		return begins
	case string(line) == endMark:
		return ends
	case isEntry(line):
		return entry
	}
	return foreign
}

// isEntry knows our entries also where an editor has changed the white space.
func isEntry(line []byte) bool {
	if !bytes.HasSuffix(line, []byte(tag)) {
		return false
	}
	fields := strings.Fields(string(line))
	if len(fields) != 4 || fields[2]+" "+fields[3] != tag {
		return false
	}
	_, err := netip.ParseAddr(fields[0])
	return err == nil && checkDomain(fields[1]) == nil
}

// isTorn tells whether line, the last of a file and without a newline, is what
// is left of one of ours. inBlock is whether only lines of ours come between it
// and the mark that begins a block.
func isTorn(line []byte, inBlock bool) bool {
	s := string(line)
	if !inBlock {
		return len(s) > len("# BEGIN ") && strings.HasPrefix(beginText, s)
	}
	if strings.HasPrefix(endMark, s) {
		return true
	}
	address, rest, whole := strings.Cut(s, separator)
	if !whole {
		return strings.Trim(strings.TrimSuffix(address, " "), "0123456789abcdef.:") == ""
	}
	domain, tail, whole := strings.Cut(rest, " ")
	_, err := netip.ParseAddr(address)
	return err == nil && (!whole || strings.HasPrefix(tag, tail)) &&
		strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
}

// lines yields each line of content by its number, from 1, with its newline if
// it has one.
func lines(content []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for n := 1; len(content) > 0; n++ {
			end := bytes.IndexByte(content, '\n') + 1
			if end == 0 {
				end = len(content)
			}
			if !yield(n, content[:end]) {
				return
			}
			content = content[end:]
		}
	}
}

// newlineOf is how the lines of content end, by the first of them.
func newlineOf(content []byte) string {
	if i := bytes.IndexByte(content, '\n'); i > 0 && content[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// lastLine is what follows the last newline of content.
func lastLine(content []byte) []byte {
	return content[bytes.LastIndexByte(content, '\n')+1:]
}

// String is for messages.
func (e Entry) String() string { return fmt.Sprintf("%s %s", e.Address, e.Domain) }
