// Package release is which release the plugin is of: where its findings are
// explained, and whether a server is too far from it. It is pure.
package release
