package podview

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// unquotedLen is how many bytes quoted, a valid JSON string, holds. It is
// there for values that are only measured: a Pod may carry megabytes of escapes
// to an API server that then refuses it.
func unquotedLen(quoted []byte) int {
	n := 0
	for i := 1; i < len(quoted)-1; i++ {
		n++
		if quoted[i] != '\\' {
			continue
		}
		i++
		if quoted[i] != 'u' {
			continue
		}
		r := hexRune(quoted[i+1:])
		i += 4
		if utf16.IsSurrogate(r) { // valid strings have them in pairs, of one rune
			r = utf16.DecodeRune(r, hexRune(quoted[i+3:]))
			i += 6
		}
		n += utf8.RuneLen(r) - 1
	}
	return n
}

// hexRune reads the four digits of an escape.
func hexRune(digits []byte) rune {
	r, _ := strconv.ParseUint(string(digits[:4]), 16, 16) // they are hexadecimal in a valid string
	return rune(r)
}
