// Package statuspage shows how matters stand as a page for a browser: the
// document of package status, and who answers. It is read-only, has no script
// and nothing from elsewhere, and reads well on a phone.
//
// Everything here is a pure function of a View, but for Handler, which asks for
// one. The page is made of nodes, whose texts are escaped as they are written.
// Package html/template would do that too; it finds methods by name, which
// keeps every method of every library in the program: 21 MB.
package statuspage
