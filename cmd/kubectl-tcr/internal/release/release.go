package release

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
)

// Version is the chart's appVersion, which a test compares it with. The plugin
// has no other way to it: go install gives it none of the chart.
const Version = "0.2.0"

// page explains every code, as of this release.
const page = "https://github.com/tcr-webhook/tcr-webhook/blob/v" + Version + "/deploy/README.md"

// Link leads to what a code means.
func Link(code string) string { return page + "#" + strings.ToLower(code) }

// Skew says that plugin and server are too far apart to be sure of each other:
// more than one minor release. It is empty where they are not, and where one is
// not known, such as what somebody built from a commit.
func Skew(plugin, server string) string {
	p, err := version.ParseSemantic(plugin)
	s, errServer := version.ParseSemantic(server)
	if err != nil || errServer != nil || isCommit(server) {
		return ""
	}
	if p.Major() == s.Major() && apart(p.Minor(), s.Minor()) <= 1 {
		return ""
	}
	newer := "plugin"
	if p.LessThan(s) {
		newer = "server"
	}
	return fmt.Sprintf("plugin %d.%d, server %d.%d: the %s is newer by more than one minor release, so that some of what follows may be wrong; use a plugin of the server's release",
		p.Major(), p.Minor(), s.Major(), s.Minor(), newer)
}

func apart(a, b uint) uint { return max(a, b) - min(a, b) }

// isCommit tells what Go calls a build of a commit that is no release.
func isCommit(v string) bool { return strings.Contains(v, "-0.") || strings.Contains(v, "+dirty") }
