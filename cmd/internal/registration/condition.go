package registration

import (
	"regexp"
	"strings"
)

// answer is a truth value with a third one between the two, so that min is
// "and" and max is "or" (Kleene's logic).
type answer int

const (
	no answer = iota
	unknown
	yes
)

func (a answer) not() answer { return yes - a }

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
}

// lets tells whether a CEL condition holds for a new pod whose image this is.
// A condition, or one of several joined by "&&", that does not look at what an
// image is called lets every image through: what else it looks at is not about
// hosts.
func lets(expression, image string) answer {
	tokens, ok := scan(expression)
	if !ok {
		return unknown
	}
	all := yes
	for _, part := range joined(tokens) {
		if readsImages(part) {
			all = min(all, condition{image: image}.holds(part, 0))
		}
	}
	return all
}

// joined cuts tokens where all of it is conditions joined by "&&", which binds
// closer than "||" and a conditional.
func joined(tokens []token) [][]token {
	if len(split(tokens, "||")) > 1 || hasTernary(tokens) {
		return [][]token{tokens}
	}
	return split(tokens, "&&")
}

// readsImages tells whether the text of an image is tested. Conditions that
// compare lists of images with those of the object before do not.
func readsImages(tokens []token) bool {
	images, tests := false, false
	for _, t := range tokens {
		images = images || t.is("image")
		switch t.text {
		case "matches", "startsWith", "endsWith", "contains", "exists", "exists_one", "all", "filter", "split", "replace", "substring", "find", "findAll", "in":
			tests = tests || t.kind == word
		}
	}
	return images && tests
}

// condition reads an expression for one image:
//
//	or    = and { "||" and }
//	and   = unary { "&&" unary }
//	unary = "!" unary | "(" or ")" | quantifier | test
//	quantifier = list ".exists(" variable "," or ")"       likewise all
//	test  = variable [field] {".lowerAscii()"}
//	        ".matches(" literal ")"                        likewise startsWith, endsWith, contains
//	field = ".image" | ".?image.orValue('')" | ".?image.?reference.orValue('')"
//
// All else is unknown.
type condition struct {
	image    string
	variable string // what stands for the image, inside a quantifier
}

// maxDepth of parentheses; the API server's own parser takes 250.
const maxDepth = 100

func (c condition) holds(tokens []token, depth int) answer {
	if depth > maxDepth || hasTernary(tokens) {
		return unknown
	}
	if parts := split(tokens, "||"); len(parts) > 1 {
		any := no
		for _, p := range parts {
			any = max(any, c.holds(p, depth+1))
		}
		return any
	}
	if parts := split(tokens, "&&"); len(parts) > 1 {
		all := yes
		for _, p := range parts {
			all = min(all, c.holds(p, depth+1))
		}
		return all
	}
	switch {
	case len(tokens) == 0:
		return unknown
	case tokens[0].is("!"):
		return c.holds(tokens[1:], depth+1).not()
	case tokens[0].is("(") && closes(tokens, 0) == len(tokens)-1:
		return c.holds(tokens[1:len(tokens)-1], depth+1)
	}
	if variable, body, ok := quantifier(tokens); ok && c.variable == "" {
		return condition{c.image, variable}.holds(body, depth+1)
	}
	return c.test(tokens)
}

// hasTernary finds a conditional, which binds less than all else. The "?" of
// an optional field comes without a colon.
func hasTernary(tokens []token) bool { return len(split(tokens, ":")) > 1 }

// split cuts tokens at every operator that is in no parentheses.
func split(tokens []token, operator string) [][]token {
	var parts [][]token
	depth, from := 0, 0
	for i, t := range tokens {
		switch {
		case t.opens():
			depth++
		case t.closes():
			depth--
		case depth == 0 && t.is(operator):
			parts = append(parts, tokens[from:i])
			from = i + 1
		}
	}
	return append(parts, tokens[from:])
}

// closes is where the parenthesis that opens at i is closed, or -1.
func closes(tokens []token, i int) int {
	depth := 0
	for ; i < len(tokens); i++ {
		switch {
		case tokens[i].opens():
			depth++
		case tokens[i].closes():
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// quantifier reads LIST.exists(VARIABLE, BODY) or LIST.all(…). Of a pod with a
// single image both say what BODY says of it.
func quantifier(tokens []token) (variable string, body []token, ok bool) {
	depth := 0
	for i, t := range tokens {
		switch {
		case t.opens():
			depth++
		case t.closes():
			depth--
		case depth == 0 && t.kind == word && (t.text == "exists" || t.text == "all"):
			rest := tokens[i+1:]
			if i < 2 || !tokens[i-1].is(".") || compares(tokens[:i]) || len(rest) < 5 || !rest[0].is("(") ||
				rest[1].kind != word || !rest[2].is(",") || closes(rest, 0) != len(rest)-1 {
				return "", nil, false
			}
			return rest[1].text, rest[3 : len(rest)-1], true
		}
	}
	return "", nil, false
}

// compares finds what would make a list something else than one.
func compares(tokens []token) bool {
	for _, operator := range []string{"==", "!=", "<", "<=", ">", ">=", "in", "!"} {
		if len(split(tokens, operator)) > 1 {
			return true
		}
	}
	return false
}

// test reads one test of the image.
func (c condition) test(tokens []token) answer {
	rest, ok := c.subject(tokens)
	if !ok {
		return unknown
	}
	text := c.image // which is in lower case
	for starts(rest, ".", "lowerAscii", "(", ")") {
		rest = rest[4:]
	}
	if len(rest) != 5 || !rest[0].is(".") || !rest[2].is("(") || rest[3].kind != literal || !rest[4].is(")") {
		return unknown
	}
	argument := rest[3].text
	switch rest[1].text {
	case "startsWith":
		return answerOf(strings.HasPrefix(text, argument))
	case "endsWith":
		return answerOf(strings.HasSuffix(text, argument))
	case "contains":
		return answerOf(strings.Contains(text, argument))
	case "matches":
		// CEL has RE2 by the same package, and likewise looks anywhere.
		pattern, err := regexp.Compile(argument)
		if err != nil {
			return unknown
		}
		return answerOf(pattern.MatchString(text))
	}
	return unknown
}

// subject takes what stands for the image off the front of tokens.
func (c condition) subject(tokens []token) (rest []token, ok bool) {
	if c.variable == "" || !starts(tokens, c.variable) {
		return nil, false
	}
	rest = tokens[1:]
	if starts(rest, ".", "image") {
		return rest[2:], true
	}
	for _, field := range [][]string{{".", "?", "image"}, {".", "?", "image", ".", "?", "reference"}} {
		if after, ok := orValue(rest, field); ok {
			return after, true
		}
	}
	return rest, true
}

// orValue takes an optional field and what stands for it where it is missing
// off the front of tokens.
func orValue(tokens []token, field []string) (rest []token, ok bool) {
	if !starts(tokens, field...) {
		return nil, false
	}
	rest = tokens[len(field):]
	if !starts(rest, ".", "orValue", "(") || len(rest) < 5 || rest[3].kind != literal || !rest[4].is(")") {
		return nil, false
	}
	return rest[5:], true
}

// starts tells whether tokens begin with these words and signs.
func starts(tokens []token, texts ...string) bool {
	if len(tokens) < len(texts) {
		return false
	}
	for i, text := range texts {
		if tokens[i].kind == literal || tokens[i].text != text {
			return false
		}
	}
	return true
}
