// Package manifest reads Kubernetes objects from files as kubectl does: YAML or
// JSON, one or several in a file, and those in lists; and remembers where each
// stands, so that what is wrong with it can be said by file, document and line.
//
// It is pure: it is given what files hold, and knows no kind of object.
package manifest
