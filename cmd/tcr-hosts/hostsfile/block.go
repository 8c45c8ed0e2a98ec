package hostsfile

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strings"
)

// Apply returns content with exactly one block, which holds entries, or with
// none where there are no entries. Every other byte stays as it is and where it
// is: what is not a line of ours is kept even within a block. A new block goes
// to the end, after a newline if the file lacks its last one, which the block
// remembers; a block that is there stays where it is.
//
// Apply is idempotent, and Apply(Apply(content, entries), nil) is content
// without our lines: for a file that had none, content itself.
func Apply(content []byte, entries []Entry) []byte {
	others, at := withoutBlock(content)
	if len(entries) == 0 {
		return others
	}
	newline := newlineOf(others)
	block := beginText
	var before string
	if at > 0 && others[at-1] != '\n' {
		before = newline
		block += added + checksum(lastLine(others[:at]))
	}
	var b bytes.Buffer
	b.Write(others[:at])
	b.WriteString(before + block + newline)
	for _, e := range entries {
		b.WriteString(e.line() + newline)
	}
	b.WriteString(endMark + newline)
	b.Write(others[at:])
	return b.Bytes()
}

// Entries is how many entries of ours content holds.
func Entries(content []byte) int {
	n := 0
	for _, line := range lines(content) {
		if kindOf(bytes.TrimSuffix(line, []byte("\n"))) == entry {
			n++
		}
	}
	return n
}

// withoutBlock returns what others wrote, and where in it our block begins: its
// end if there is no block.
func withoutBlock(content []byte) (others []byte, at int) {
	others = make([]byte, 0, len(content))
	at = -1
	inBlock := false
	sums := map[string]bool{}
	for _, line := range lines(content) {
		text, whole := bytes.CutSuffix(line, []byte("\n"))
		k := kindOf(text)
		if k == foreign && (whole || !isTorn(text, inBlock)) {
			others = append(others, line...)
			inBlock = false
			continue
		}
		if at < 0 {
			at = len(others)
		}
		if k == begins {
			_, sum, _ := strings.Cut(strings.TrimSuffix(string(text), "\r"), added)
			sums[sum] = true
		}
		inBlock = k == begins || k == entry && inBlock
	}
	if at < 0 {
		return others, len(others)
	}
	if at == len(others) {
		others = withoutNewline(others, sums)
	}
	return others, min(at, len(others))
}

// withoutNewline drops the newline at the end of others if it is one that we
// added, which the checksum of the line that it ends tells.
func withoutNewline(others []byte, sums map[string]bool) []byte {
	for _, newline := range []string{"\r\n", "\n"} {
		if cut, ok := bytes.CutSuffix(others, []byte(newline)); ok && len(cut) > 0 && sums[checksum(lastLine(cut))] {
			return cut
		}
	}
	return others
}

// checksum of a line; it is to tell lines apart, not to keep a secret.
func checksum(line []byte) string {
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE(line))
}
