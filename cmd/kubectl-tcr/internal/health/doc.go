// Package health judges an installation by what can be seen of it from outside:
// the status document that its leader keeps, and the live objects around it. Each
// thing that is wrong has a code that stays what it is, and what to do about it.
//
// It is pure: whoever calls it has looked.
package health
