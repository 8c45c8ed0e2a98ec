package registration

import "strings"

// token is a word, a sign or a literal of a CEL expression.
type token struct {
	kind kind
	text string // of a literal, what it stands for
}

type kind int

const (
	sign    kind = iota
	word         // an identifier or a number
	literal      // a string
)

func (t token) is(text string) bool { return t.kind != literal && t.text == text }
func (t token) opens() bool         { return t.is("(") || t.is("[") || t.is("{") }
func (t token) closes() bool        { return t.is(")") || t.is("]") || t.is("}") }

// scan cuts a CEL expression into tokens. It is not ok where there is something
// that only CEL's own parser reads for sure: comments, bytes, strings in three
// quotes, and escapes beyond those of quotes and the backslash.
func scan(expression string) (tokens []token, ok bool) {
	for rest := strings.TrimLeft(expression, " \t\r\n"); rest != ""; rest = strings.TrimLeft(rest, " \t\r\n") {
		var t token
		if t, rest, ok = next(rest); !ok {
			return nil, false
		}
		tokens = append(tokens, t)
	}
	return tokens, true
}

func next(rest string) (t token, after string, ok bool) {
	switch c := rest[0]; {
	case c == '\'' || c == '"':
		return quoted(rest, false)
	case (c == 'r' || c == 'R') && len(rest) > 1 && (rest[1] == '\'' || rest[1] == '"'):
		return quoted(rest[1:], true)
	case isWord(c):
		end := 0
		for end < len(rest) && isWord(rest[end]) {
			end++
		}
		if end < len(rest) && (rest[end] == '\'' || rest[end] == '"') {
			return token{}, "", false // the prefix of another kind of literal
		}
		return token{word, rest[:end]}, rest[end:], true
	case strings.HasPrefix(rest, "//"):
		return token{}, "", false
	}
	for _, two := range []string{"&&", "||", "==", "!=", "<=", ">="} {
		if strings.HasPrefix(rest, two) {
			return token{sign, two}, rest[2:], true
		}
	}
	return token{sign, rest[:1]}, rest[1:], true
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// quoted reads the literal that rest begins with.
func quoted(rest string, raw bool) (t token, after string, ok bool) {
	quote := rest[0]
	if strings.HasPrefix(rest[1:], string([]byte{quote, quote})) {
		return token{}, "", false
	}
	var text strings.Builder
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == quote:
			return token{literal, text.String()}, rest[i+1:], true
		case c == '\\' && !raw:
			i++
			if i == len(rest) || !strings.ContainsRune(`\'"`+"`?", rune(rest[i])) {
				return token{}, "", false
			}
			text.WriteByte(rest[i])
		default:
			text.WriteByte(c)
		}
	}
	return token{}, "", false
}
