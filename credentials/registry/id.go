package registry

import (
	"fmt"
	"regexp"
)

// ID names a TCR Enterprise instance, such as "tcr-m3ut3qxx", or a fixed login
// by the name that the configuration gives it.
type ID string

// Every id in TCR's API reference is "tcr-" and eight lower-case letters or
// digits. The length is left open within reason: a longer id would otherwise
// lock its owner out until our next release.
var idPattern = regexp.MustCompile(`^tcr-[0-9a-z]{4,16}$`)

// ParseID checks that s has the shape of an instance id.
func ParseID(s string) (ID, error) {
	if !idPattern.MatchString(s) {
		return "", fmt.Errorf("%q is not an instance id: want tcr- and lower-case letters or digits, such as tcr-m3ut3qxx", s)
	}
	return ID(s), nil
}
