package config

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
)

// Warning is something in a configuration that is allowed and hardly meant.
type Warning struct {
	File         string
	Line, Column int
	Path         string // such as registries[1]
	Text         string
}

// String is the warning in the form of Decode's errors.
func (w Warning) String() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", w.File, w.Line, w.Column, w.Path, w.Text)
}

// Lint finds what is allowed and hardly meant in a configuration that Decode
// has read: entries that never take effect, and entries that look like a
// boundary and are none. It warns of what it is sure of.
func Lint(c *Config) []Warning {
	var found mistakes
	for i := range c.Registries {
		for j := range i {
			if c.Registries[i].id() != c.Registries[j].id() {
				continue
			}
			c.lintPair(&found, j, i)
		}
	}
	c.lintNetwork(&found)
	c.lintPolicy(&found)
	warnings := make([]Warning, 0, len(found))
	for _, one := range found {
		n := locate(c.tree, one.path)
		warnings = append(warnings, Warning{File: c.name, Line: n.Line, Column: n.Column, Path: pathString(one.path), Text: one.text})
	}
	return warnings
}

// id is what the entry is about.
func (r *Registry) id() string {
	if r.fixed() {
		return r.Name
	}
	return r.Instance
}

// lintPair compares two entries of one registry, of which the one at first has
// precedence.
func (c *Config) lintPair(found *mistakes, first, second int) {
	a, b := &c.Registries[first], &c.Registries[second]
	switch {
	case covers(a, b):
		found.add(fmt.Sprintf("never takes effect: registries[%d] is before it, for %s too, and selects every namespace that it does; remove it, or move it up",
			first, b.id()), "registries", second)
	case !b.fixed() && c.caller(a) == c.caller(b):
		found.add(fmt.Sprintf("has the identity of registries[%d], for %s too: what a namespace of the one may pull, those of the other may as well; "+
			"only an identity of its own (identity, assumeRole or credentials) makes a difference", first, b.id()), "registries", second)
	}
}

// covers tells whether a selects every namespace that b selects, where that
// can be seen from their text.
func covers(a, b *Registry) bool {
	if a.NamespaceSelector != nil && !reflect.DeepEqual(a.NamespaceSelector, b.NamespaceSelector) {
		return false
	}
	globsA, globsB := orEverything(a.Namespaces), orEverything(b.Namespaces)
	if slices.Equal(globsA, globsB) {
		return true
	}
	for _, glob := range globsB {
		if !strings.HasPrefix(glob, "!") && !selectsAll(globsA, glob) {
			return false
		}
	}
	return true
}

func orEverything(globs []string) []string {
	if len(globs) == 0 {
		return []string{"*"}
	}
	return globs
}

// selectsAll tells whether globs select every name that pattern matches: the
// last of them that may match one of those must include all.
func selectsAll(globs []string, pattern string) bool {
	for _, glob := range slices.Backward(globs) {
		bare, excludes := strings.CutPrefix(glob, "!")
		switch {
		case !excludes && contains(bare, pattern):
			return true
		case excludes && !disjoint(bare, pattern):
			return false
		}
	}
	return false
}

const wild = `*?[\`

// contains tells whether a glob matches whatever pattern does: it is "*", the
// same, or matches a pattern that is a plain name.
func contains(glob, pattern string) bool {
	if glob == "*" || glob == pattern {
		return true
	}
	prefix, star := strings.CutSuffix(glob, "*")
	if star && !strings.ContainsAny(prefix, wild) && strings.HasPrefix(pattern, prefix) {
		return true
	}
	if strings.ContainsAny(pattern, wild) {
		return false
	}
	ok, err := path.Match(glob, pattern)
	return ok && err == nil
}

// disjoint tells whether no name can match both, where one is a plain name.
func disjoint(a, b string) bool {
	if strings.ContainsAny(a, wild) {
		a, b = b, a
	}
	if strings.ContainsAny(a, wild) {
		return false
	}
	ok, err := path.Match(b, a)
	return !ok && err == nil
}
