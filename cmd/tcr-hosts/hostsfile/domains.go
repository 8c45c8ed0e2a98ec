package hostsfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Domains are the names that may enter a hosts file.
type Domains struct {
	suffixes []string // each begins with a dot
	hosts    []string
}

// NewDomains makes Domains of suffixes such as .tencentcloudcr.com, which stand
// for all names below them, and of whole names such as registry.example.com.
// The error names each that is neither.
func NewDomains(allowed []string) (Domains, error) {
	var d Domains
	var errs []error
	for _, a := range allowed {
		name, isSuffix := strings.CutPrefix(strings.ToLower(a), ".")
		switch err := checkDomain(name); {
		case err != nil:
			errs = append(errs, fmt.Errorf("%q: %w", a, err))
		case isSuffix:
			d.suffixes = append(d.suffixes, "."+name)
		default:
			d.hosts = append(d.hosts, name)
		}
	}
	return d, errors.Join(errs...)
}

// Allow tells whether name, in lower case, may enter a hosts file.
func (d Domains) Allow(name string) bool {
	return slices.Contains(d.hosts, name) || slices.ContainsFunc(d.suffixes, func(suffix string) bool {
		return len(name) > len(suffix) && strings.HasSuffix(name, suffix)
	})
}

const (
	maxDomain = 253 // RFC 1035 §2.3.4, as text without the root's dot
	maxLabel  = 63  // likewise
)

// checkDomain says what keeps name from being a host name in lower case of two
// labels or more (RFC 1123 §2.1).
func checkDomain(name string) error {
	labels := strings.Split(name, ".")
	switch {
	case len(name) > maxDomain:
		return fmt.Errorf("is longer than %d characters", maxDomain)
	case len(labels) < 2:
		return errors.New("is not a host name with a dot in it, such as demo.tencentcloudcr.com")
	case !slices.ContainsFunc(labels, isNotLabel):
		if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
			return errors.New("ends in a number, as no host name does")
		}
		return nil
	}
	return errors.New("is not a host name: want labels of a-z, 0-9 and - between dots")
}

func isNotLabel(s string) bool {
	return s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' ||
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != ""
}
