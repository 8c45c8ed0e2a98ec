package registration

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLets(t *testing.T) {
	t.Parallel()
	const image = "r.example.com/team/app:1"
	exists := func(body string) string { return "object.spec.containers.map(c, c.image).exists(i, " + body + ")" }
	tests := map[string]answer{
		// What is not about the names of images lets every image through.
		"request.operation == 'CREATE'":                                                       yes,
		"!('kubernetes.io/config.mirror' in object.metadata.labels)":                          yes,
		"object.spec.containers.map(c, c.image) != oldObject.spec.containers.map(c, c.image)": yes,

		exists(`i.matches('^r[.]example[.]com/')`):                                        yes,
		exists(`i.matches('^other[.]example[.]com/')`):                                    no,
		exists(`i.matches("example")`):                                                    yes, // anywhere, as in CEL
		exists(`i.matches('^r\\.example\\.com/')`):                                        yes,
		exists(`i.matches(r'^r\.example\.com/')`):                                         yes,
		exists(`i.lowerAscii().matches('^R')`):                                            no,
		exists(`i.matches('(?i)^R[.]Example')`):                                           yes,
		exists(`i.startsWith('r.example.com/')`):                                          yes,
		exists(`i.contains('example') && !i.endsWith(':1')`):                              no,
		exists(`i.contains('example') && !(i.endsWith(':2') || i == 'x')`):                unknown,
		exists(`i.contains('nothing') && i == 'x'`):                                       no,
		exists(`i.contains('example') || i == 'x'`):                                       yes,
		"request.operation == 'UPDATE' || " + exists(`i.contains('example')`):             yes,
		"request.operation == 'UPDATE' || " + exists(`i.contains('nothing')`):             unknown,
		"request.operation == 'UPDATE' && " + exists(`i.contains('example')`):             yes,
		"request.operation == 'UPDATE' && " + exists(`i.contains('nothing')`):             no,
		"(request.operation == 'UPDATE' || true) && " + exists(`i.contains('nothing')`):   no,
		exists(`i.contains('nothing')`) + " && x || y":                                    unknown,
		"object.spec.volumes.exists(v, v.?image.?reference.orValue('').startsWith('r.'))": yes,
		"object.spec.volumes.exists(v, v.?image.?reference.orValue('').startsWith('x.'))": no,
		"object.spec.volumes.exists(v, v.?image.?reference.orValue(x).startsWith('x.'))":  unknown,
		"object.spec.volumes.exists(v, v.?image.?reference.startsWith('x.'))":             unknown,
		"!" + exists(`i.startsWith('r.')`):                                                no,
		"(((" + exists(`((i.startsWith('r.')))`) + ")))":                                  yes,
		"object.spec.containers.exists(c, c.image.startsWith('r.'))":                      yes,
		"object.spec.containers.all(c, c.?image.orValue('').startsWith('r.'))":            yes,
		"object.spec.containers.exists(c, c.name.startsWith('image'))":                    yes,     // not about images
		"object.spec.containers.exists(c, c.name.startsWith('r') || c.image=='')":         unknown, // of which this is a part
		"object.spec.containers.exists_one(c, c.image.startsWith('r.'))":                  unknown,
		"object.spec.containers[0].image.startsWith('r.')":                                unknown,
		"request.operation == 'CREATE' ? " + exists(`i.contains('r')`) + ": true":         unknown,
		"size(" + exists(`i.contains('r')`) + ")":                                         unknown,
		exists(`i.matches('[')`):                                                          unknown, // the API server would not take it
		exists(`i.matches(params.pattern)`):                                               unknown,
		exists(`i.matches('''r''')`):                                                      unknown,
		exists(`i.matches(b'r')`):                                                         unknown,
		exists(`i.matches('\x72')`):                                                       unknown,
		exists(`i.matches('r') // all`):                                                   unknown,
		exists(`object.spec.volumes.exists(v, i.matches('r'))`):                           unknown,
		exists(`i.split('/')[0] in ['r.example.com']`):                                    unknown,
		"object.spec.containers.exists(i, i.image.matches('r'":                            unknown,
		"object.spec.image.exists(":                                                       unknown,
		"image.exists(i,)":                                                                unknown,
		strings.Repeat("(", 5000) + exists(`i.contains('r')`) + strings.Repeat(")", 5000): unknown,
	}
	for expression, want := range tests {
		assert.Equal(t, want, lets(expression, image), "%.200s", expression)
	}
	assert.Equal(t, yes, lets(exists(`i.lowerAscii().matches('^r[.]EXAMPLE')`), "r.EXAMPLE/x"))
}

// Whatever somebody writes into a registration is read without a panic, and a
// condition that has nothing to do with images never keeps any away.
func FuzzLets(f *testing.F) {
	f.Add(`object.spec.containers.map(c, c.image).exists(i, i.lowerAscii().matches('^[^/]+[.]example[.]com(:443)?/') && !i.contains("x"))`)
	f.Add(`!('a' in b) || (c ? d : e) && image.exists(`)
	f.Add(`'\\' + "'" r'\' image.all(i,((!!i.matches('('))))`)
	f.Fuzz(func(t *testing.T, expression string) {
		got := lets(expression, "r.example.com/app:1")
		tokens, ok := scan(expression)
		switch {
		case !ok:
			assert.Equal(t, unknown, got)
		case !readsImages(tokens):
			assert.Equal(t, yes, got)
		case balanced(tokens):
			assert.Equal(t, got.not(), lets("!("+expression+")", "r.example.com/app:1"))
		}
	})
}

func balanced(tokens []token) bool {
	depth := 0
	for _, t := range tokens {
		switch {
		case t.opens():
			depth++
		case t.closes():
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return depth == 0
}
