// Package judge holds what was seen of a storm to what must hold in any. It is
// pure: history in, violations out. The storm alone imports it.
package judge
