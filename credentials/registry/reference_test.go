package registry

import (
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseReference(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, image string
		want        Reference
	}{
		{"an image of Docker Hub", "nginx", Reference{Host: "docker.io", Path: "nginx"}},
		{"a user's image of Docker Hub", "team/app:1", Reference{Host: "docker.io", Path: "team/app", Tail: ":1"}},
		{"a tag and a digest", "quay.io/a/b:1@" + digest, Reference{Host: "quay.io", Path: "a/b", Tail: ":1@" + digest}},
		{"upper case", "Quay.IO/a", Reference{Host: "quay.io", Path: "a"}},
		{"a host for its upper case alone", "REG/a", Reference{Host: "reg", Path: "a"}},
		{"another port", "localhost:5000/a", Reference{Host: "localhost", Port: "5000", Path: "a"}},
		{"localhost without a port", "localhost/a", Reference{Host: "localhost", Path: "a"}},
		{"the default port", "quay.io:443/a", Reference{Host: "quay.io", Path: "a"}},
		{"the default port with zeros", "quay.io:000443/a", Reference{Host: "quay.io", Path: "a"}},
		{"port zero", "quay.io:00/a", Reference{Host: "quay.io", Port: "0", Path: "a"}},
		{"a host with an underscore", "my_host.local/a/b", Reference{Host: "my_host.local", Path: "a/b"}},
		{"an IPv6 address", "[2001:DB8:0::1]:5000/a", Reference{Host: "[2001:db8::1]", Port: "5000", Path: "a"}},
		{"something like an IPv6 address", "[1:2]/a", Reference{Host: "[1:2]", Path: "a"}},
		{"a name with a dot is no host without a slash", "quay.io", Reference{Host: "docker.io", Path: "quay.io"}},
		{"another kind of digest", "quay.io/a@sha512:" + strings.Repeat("0", 128), Reference{Host: "quay.io", Path: "a", Tail: "@sha512:" + strings.Repeat("0", 128)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := ParseReference(tt.image)
			assert.True(t, ok)
			assert.Equal(t, tt.want, got)
			assert.Equal(t, strings.Contains(tt.image, "@"), got.Digested())
		})
	}
	for _, image := range []string{"", " nginx", "nginx ", "NGINX", "quay.io/", "quay.io//a", "quay.io./a", "quay.io:/a", "quay.io:x/a", "-quay.io/a", "quay..io/a", "https://quay.io/a", strings.Repeat("a", 64), "quay.io/a@sha256:12", "quay.io/A", "quay.io/a:"} {
		_, ok := ParseReference(image)
		assert.False(t, ok, image)
	}
}

func FuzzParseReference(f *testing.F) {
	for _, image := range []string{"nginx", "quay.io/a/b:1@" + digest, "Quay.IO:0443/a", "[::1]:5000/a", "localhost/a", "a.b-c/d__e", "x-.y/z", "a_b.c/d", strings.Repeat("a", 64), "REG/a"} {
		f.Add(image)
	}
	f.Fuzz(func(t *testing.T, image string) {
		got, ok := ParseReference(image)
		named, err := reference.ParseNormalizedNamed(image)
		require.Equal(t, err == nil, ok)
		if !ok {
			return
		}
		host, port := reference.Domain(named), ""
		wantPath := reference.Path(named)
		if host == "" { // a name with an underscore, which runtimes take for a host all the same
			host, wantPath, _ = strings.Cut(wantPath, "/")
		}
		if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
			host, port = host[:i], strings.TrimLeft(host[i+1:], "0")
		}
		path := got.Path
		if host == "docker.io" && !strings.Contains(path, "/") {
			path = "library/" + path
		}
		require.Equal(t, wantPath, path)
		if !strings.HasPrefix(host, "[") && !strings.HasPrefix(image, "index.docker.io/") {
			require.Equal(t, strings.ToLower(host), string(got.Host))
		}
		if port != "443" {
			require.Equal(t, port, strings.TrimLeft(got.Port, "0"))
		}
		_, digested := named.(reference.Digested)
		require.Equal(t, digested, got.Digested())
	})
}
