package registry

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Suffix is what the default host names of all TCR Enterprise instances end in.
const Suffix = ".tencentcloudcr.com"

// Host is a registry's host name: lower case, without a port.
type Host string

// ParseHost checks that s is a host name as credentials are filed under: at
// least two labels, lower case, no port. The kubelet compares the host of an
// image with the Secret's byte by byte, so another spelling would never match.
func ParseHost(s string) (Host, error) {
	if msgs := validation.IsDNS1123Subdomain(s); len(msgs) > 0 || !strings.Contains(s, ".") {
		return "", fmt.Errorf("%q is not a registry host: want a lower-case DNS name without port or path, such as demo%s", s, Suffix)
	}
	return Host(s), nil
}

// Hosts are the names one instance answers to.
type Hosts struct {
	Public  Host   // the default name
	Private Host   // the "-vpc" name; empty where it is not known
	Custom  []Host // the customer's own domains that are in service
}

// Described is what an instance was called when it was asked.
type Described struct {
	Hosts Hosts
	At    time.Time
}

// All lists the names that are known, the public one first.
func (h Hosts) All() []Host {
	all := make([]Host, 0, 2+len(h.Custom))
	for _, name := range append([]Host{h.Public, h.Private}, h.Custom...) {
		if name != "" {
			all = append(all, name)
		}
	}
	return all
}

// isInstanceName tells whether h may be an instance's by TCR's pattern: a name
// of one label under Suffix.
func isInstanceName(h Host) bool {
	label, tcr := strings.CutSuffix(string(h), Suffix)
	return tcr && !strings.Contains(label, ".")
}

// isSystemPath tells what Tencent keeps for everybody on a registry that may be
// somebody's as well: two namespaces of the Personal Edition, in every region.
// TKE's own components are pulled from there, and wait for nobody's login.
func isSystemPath(h Host, path string) bool {
	region, personal := strings.CutSuffix(string(h), "ccr.ccs.tencentyun.com")
	return personal && !strings.Contains(region, ".") && (strings.HasPrefix(path, "tkeimages/") || strings.HasPrefix(path, "library/"))
}

// isPublicMirror tells names under Suffix that Tencent runs for everybody, some
// of them without a login: they are nobody's instance, and TKE's own components
// pull from them.
func isPublicMirror(h Host) bool {
	switch h {
	case "quay" + Suffix, "nvcr" + Suffix, "market-tke" + Suffix, "helmhub" + Suffix, "superedge" + Suffix:
		return true
	}
	return false
}
