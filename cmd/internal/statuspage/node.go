package statuspage

import (
	"golang.org/x/net/html"
)

// attributes are those of an element, as name and value in turns.
type attributes []string

func class(names string) attributes { return attributes{"class", names} }

// el is an element with what is in it; nil parts are left out.
func el(tag string, a attributes, parts ...*html.Node) *html.Node {
	n := &html.Node{Type: html.ElementNode, Data: tag}
	for i := 0; i+1 < len(a); i += 2 {
		n.Attr = append(n.Attr, html.Attribute{Key: a[i], Val: a[i+1]})
	}
	for _, p := range parts {
		if p != nil {
			n.AppendChild(p)
		}
	}
	return n
}

// text is text, which is escaped when it is written.
func text(s string) *html.Node { return &html.Node{Type: html.TextNode, Data: s} }

// say is an element with a text in it, and nothing for an empty one.
func say(tag, classes, s string) *html.Node {
	switch {
	case s == "":
		return nil
	case classes == "":
		return el(tag, nil, text(s))
	}
	return el(tag, class(classes), text(s))
}

// section is a part of the page with a heading, and nothing without content.
func section(heading string, parts ...*html.Node) *html.Node {
	n := el("section", nil, say("h2", "", heading))
	for _, p := range parts {
		if p != nil {
			n.AppendChild(p)
		}
	}
	if n.FirstChild == n.LastChild {
		return nil
	}
	return n
}
