package registry

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
)

// InjectLabel on a Pod or a Namespace, with the value InjectDisabled, keeps Pods
// as their authors wrote them. A Namespace that has it gets no pull Secret.
const (
	InjectLabel    = "tcr-webhook.io/inject"
	InjectDisabled = "disabled"
)

// Namespace is what an entry of the directory selects by.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// Namespaces selects namespaces by name and by label; both must agree. The
// zero value selects none: use SelectNamespaces.
type Namespaces struct {
	globs  []glob
	labels labels.Selector
}

type glob struct {
	pattern string
	exclude bool
}

// SelectNamespaces builds a selection from ordered globs, of which the last
// that matches a name decides ("!" before a glob excludes), and a label
// selector. No globs means every name, a nil selector every label.
func SelectNamespaces(globs []string, selector labels.Selector) (Namespaces, error) {
	if len(globs) == 0 {
		globs = []string{"*"}
	}
	if selector == nil {
		selector = labels.Everything()
	}
	n := Namespaces{labels: selector}
	includes := false
	for _, g := range globs {
		pattern, exclude := strings.CutPrefix(g, "!")
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" || strings.Contains(pattern, "/") {
			return Namespaces{}, fmt.Errorf("%q is not a namespace name or glob: * stands for any characters, ? for one, ! before it excludes", g)
		}
		includes = includes || !exclude
		n.globs = append(n.globs, glob{pattern, exclude})
	}
	if !includes {
		return Namespaces{}, errors.New(`only exclusions: nothing is selected to exclude from; begin with "*"`)
	}
	return n, nil
}

// Match tells whether ns is selected.
func (n Namespaces) Match(ns Namespace) bool {
	selected := false
	for _, g := range n.globs {
		if ok, _ := path.Match(g.pattern, ns.Name); ok {
			selected = !g.exclude
		}
	}
	return selected && n.labels.Matches(labels.Set(ns.Labels))
}
