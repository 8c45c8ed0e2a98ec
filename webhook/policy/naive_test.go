package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/stretchr/testify/require"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// naive tells whether a pattern holds for an image, by what README says and
// nothing else: it knows no canonical form, but tries every name that the
// image's host has.
func naive(d *registry.Directory, pattern, image string) bool {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return false
	}
	domain, path := reference.Domain(named), reference.Path(named)
	if domain == "" { // a name with an underscore, which runtimes take for a host all the same
		domain, path, _ = strings.Cut(path, "/")
	}
	host, port := naiveHost(domain)
	names := []string{host}
	if port == "" {
		names = naiveNames(d, host)
	}
	if slices.Contains(names, "docker.io") && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	switch {
	case pattern == "*":
		return true
	case pattern == TKESystem:
		return slices.ContainsFunc(systemPatterns(), func(p Pattern) bool { return naive(d, p.String(), image) })
	case naiveInstance(pattern):
		id, wantPath, limited := strings.Cut(pattern, "/")
		h, _ := d.CanonicalHost(registry.ID(id))
		return h != "" && port == "" && slices.Contains(names, string(h)) && (!limited || naivePath(wantPath, path))
	}
	wantHost, wantPath, limited := strings.Cut(pattern, "/")
	if !strings.ContainsAny(wantHost, ".:") && wantHost != "localhost" {
		wantHost, wantPath, limited = "docker.io", pattern, true
	}
	wantHost, wantPort := naiveHost(wantHost)
	if wantPort != port {
		return false
	}
	if limited && slices.Contains(names, "docker.io") && !strings.ContainsAny(wantPath, "/*") {
		wantPath = "library/" + wantPath
	}
	return slices.ContainsFunc(names, func(n string) bool { return naiveSegments(strings.Split(wantHost, "."), strings.Split(n, ".")) }) &&
		(!limited || naivePath(wantPath, path))
}

func naiveInstance(pattern string) bool {
	id, _, _ := strings.Cut(pattern, "/")
	return strings.HasPrefix(id, "tcr-") && !strings.ContainsAny(id, ".:")
}

func naiveHost(s string) (host, port string) {
	sample := strings.ReplaceAll(s, "*", "x")
	ref, ok := registry.ParseReference(sample + "/a")
	if !ok {
		return s, ""
	}
	if sample == s {
		return string(ref.Host), ref.Port
	}
	s, _, _ = strings.Cut(strings.ToLower(s), ":")
	return s, ref.Port
}

// naiveNames are all names of the host.
func naiveNames(d *registry.Directory, host string) []string {
	names := []string{host}
	hub := []string{"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
	if slices.Contains(hub, host) {
		return hub
	}
	aliases := d.Aliases()
	for other, name := range aliases {
		if own, ok := aliases[registry.Host(host)]; ok && own == name {
			names = append(names, string(other))
		}
	}
	return names
}

func naivePath(pattern, path string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if want[len(want)-1] == "*" {
		n := len(want) - 1
		return len(have) > n && naiveSegments(want[:n], have[:n])
	}
	return naiveSegments(want, have)
}

func naiveSegments(want, have []string) bool {
	return slices.EqualFunc(want, have, func(w, h string) bool { return w == "*" || w == h })
}

func TestNaiveAgreesWithTheTable(t *testing.T) {
	t.Parallel()
	d := directory(t)
	for _, r := range table(t) {
		require.Equal(t, r.holds, naive(d, r.pattern, r.image), "%s %s", r.pattern, r.image)
	}
}

// FuzzJudge holds the compiled form to the naive one: for lists of patterns,
// one a line, an image, and the image in other spellings.
func FuzzJudge(f *testing.F) {
	rows := table(f)
	for i := 0; i+7 < len(rows); i += 7 {
		var patterns []string
		for _, r := range rows[i : i+7] {
			patterns = append(patterns, r.pattern)
		}
		f.Add(strings.Join(patterns, "\n"), rows[i].pattern, rows[i+1].image)
	}
	d := directory(f)
	f.Fuzz(func(t *testing.T, allow, deny, image string) {
		rule := Rule{Name: "r", Namespaces: []string{"*"}, Allow: lines(allow), Deny: lines(deny), RequireDigest: len(image)%2 == 0, Action: Warn}
		parsed, mistakes := Parse([]Rule{rule})
		if len(mistakes) > 0 {
			return
		}
		got := parsed.Compile(d, "").Judge("shop", image)
		require.Equal(t, naiveReason(d, rule, image), got.Reason, "%q", image)
		if got.Reason == Denied {
			require.True(t, naive(d, got.Pattern, image), "%q is named for %q", got.Pattern, image)
		}
		if canonical, ok := parsed.Compile(d, "").Canonical(image); ok {
			require.Equal(t, got, parsed.Compile(d, "").Judge("shop", canonical), "another verdict for %q", canonical)
		}
	})
}

func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

func naiveReason(d *registry.Directory, r Rule, image string) Reason {
	holds := func(pattern string) bool { return naive(d, pattern, image) }
	unknown := func(pattern string) bool {
		id, _, _ := strings.Cut(pattern, "/")
		h, _ := d.CanonicalHost(registry.ID(id))
		return naiveInstance(pattern) && h == ""
	}
	named, err := reference.ParseNormalizedNamed(image)
	switch {
	case err != nil:
		return Unparsable
	case slices.ContainsFunc(r.Deny, holds):
		return Denied
	case r.Allow != nil && !slices.ContainsFunc(r.Allow, holds):
		if slices.ContainsFunc(r.Allow, unknown) {
			return HostsNotKnown
		}
		return NotAllowed
	}
	if _, digested := named.(reference.Digested); r.RequireDigest && !digested {
		return NoDigest
	}
	return ""
}

// FuzzParse holds that whatever is accepted as a pattern can match an image,
// and reads the same in canonical form.
func FuzzParse(f *testing.F) {
	for _, r := range table(f) {
		f.Add(r.pattern)
	}
	d := directory(f)
	f.Fuzz(func(t *testing.T, pattern string) {
		parsed, mistakes := Parse([]Rule{{Name: "r", Allow: []string{pattern}, Action: Audit}})
		if len(mistakes) > 0 {
			return
		}
		for _, p := range parsed.Compile(d, "").Rules()[0].Allow {
			sample := p.sample().String()
			require.True(t, naive(d, pattern, sample), "%q does not hold for %q", pattern, sample)
			again, mistakes := Parse([]Rule{{Name: "r", Allow: []string{p.String()}, Action: Audit}})
			require.Empty(t, mistakes, p.String())
			require.True(t, again.Compile(d, "").Judge("shop", sample).OK(), "%q is not %q", p.String(), pattern)
		}
	})
}
