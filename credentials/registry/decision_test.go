package registry

import (
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/labels"
)

func selectNamespaces(t testing.TB, globs ...string) Namespaces {
	t.Helper()
	n, err := SelectNamespaces(globs, nil)
	require.NoError(t, err)
	return n
}

// testDirectory holds an instance with a private route, one with a public
// route, one that is itself named like a private name, and one that only some
// namespaces may use.
func testDirectory(t testing.TB) *Directory {
	t.Helper()
	d, conflicts := NewDirectory([]Entry{
		{ID: "tcr-demo0001", Route: RoutePrivateName, Namespaces: selectNamespaces(t),
			Hosts: Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com", Custom: []Host{"r.example.com"}}},
		{ID: "tcr-open0002", Route: RoutePublicName, Namespaces: selectNamespaces(t),
			Hosts: Hosts{Public: "open.tencentcloudcr.com", Private: "open-vpc.tencentcloudcr.com"}},
		{ID: "tcr-xvpc0003", Route: RoutePrivateName, Namespaces: selectNamespaces(t),
			Hosts: Hosts{Public: "x-vpc.tencentcloudcr.com", Private: "x-vpc-vpc.tencentcloudcr.com"}},
		{ID: "tcr-team0004", Route: RoutePrivateName, Namespaces: selectNamespaces(t, "team-*", "!team-b"),
			Hosts: Hosts{Public: "team.tencentcloudcr.com", Private: "team-vpc.tencentcloudcr.com"}},
		{ID: "tcr-kite0006", Route: RoutePrivateName, Namespaces: selectNamespaces(t),
			Hosts: Hosts{Public: "kite.tencentcloudcr.com", Private: "kite-vpc.tencentcloudcr.com"}},
		{ID: "tcr-nopv0005", Route: RoutePrivateName, Namespaces: selectNamespaces(t),
			Hosts: Hosts{Public: "nopv.tencentcloudcr.com"}},
	})
	require.Empty(t, conflicts)
	return d
}

// A fixed login of the Personal Edition is not for what Tencent keeps there for
// everybody.
func TestDecideAboutThePersonalEdition(t *testing.T) {
	t.Parallel()
	d, _ := NewDirectory([]Entry{{
		ID: "personal", Account: SecretAccount("ccr-login"), Namespaces: selectNamespaces(t),
		Hosts: Hosts{Public: "ccr.ccs.tencentyun.com", Custom: []Host{"hkccr.ccs.tencentyun.com"}},
	}})
	for image, want := range map[string]Reason{
		"ccr.ccs.tencentyun.com/mine/app:1":              AsWritten,
		"ccr.ccs.tencentyun.com/tkeimages/pause:1":       PublicMirror,
		"CCR.ccs.tencentyun.com:443/library/nginx":       PublicMirror,
		"hkccr.ccs.tencentyun.com/tkeimages/csi/x:1":     PublicMirror,
		"ccr.ccs.tencentyun.com/tkeimages-mine/app:1":    AsWritten,
		"ccr.ccs.tencentyun.com/mine/tkeimages:1":        AsWritten,
		"sgccr.ccs.tencentyun.com/mine/app:1":            NotManaged,
		"ccr.ccs.tencentyun.com.evil.io/tkeimages/app:1": NotManaged,
	} {
		got := d.Decide(image, Namespace{Name: "a"})
		assert.Equal(t, want, got.Reason, image)
		assert.Equal(t, want == AsWritten, got.Instance == "personal", image)
		assert.Equal(t, image, got.Image, image)
	}
}

const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestDecide(t *testing.T) {
	t.Parallel()
	d := testDirectory(t)
	tests := []struct {
		name, image string
		ns          string
		want        Decision
	}{
		{"the public host moves to the private one", "demo.tencentcloudcr.com/team/app:1", "a",
			Decision{"tcr-demo0001", "demo-vpc.tencentcloudcr.com/team/app:1", Rewritten}},
		{"a custom domain moves too", "r.example.com/team/app:1", "a",
			Decision{"tcr-demo0001", "demo-vpc.tencentcloudcr.com/team/app:1", Rewritten}},
		{"the private host stays", "demo-vpc.tencentcloudcr.com/team/app:1", "a",
			Decision{"tcr-demo0001", "demo-vpc.tencentcloudcr.com/team/app:1", AsWritten}},
		{"tag and digest keep their bytes", "demo.tencentcloudcr.com/team/app:v1@" + digest, "a",
			Decision{"tcr-demo0001", "demo-vpc.tencentcloudcr.com/team/app:v1@" + digest, Rewritten}},
		{"a digest alone keeps its bytes", "demo.tencentcloudcr.com/team/app@" + digest, "a",
			Decision{"tcr-demo0001", "demo-vpc.tencentcloudcr.com/team/app@" + digest, Rewritten}},
		{"neither tag nor digest is added", "demo.tencentcloudcr.com/team/deep/er/app", "a",
			Decision{"tcr-demo0001", "demo-vpc.tencentcloudcr.com/team/deep/er/app", Rewritten}},
		{"an upper-case host is the same host", "Demo.TencentCloudCR.com/team/app:Tag", "a",
			Decision{"tcr-demo0001", "demo-vpc.tencentcloudcr.com/team/app:Tag", Rewritten}},
		{"the https port is the same host", "demo.tencentcloudcr.com:443/team/app", "a",
			Decision{"tcr-demo0001", "demo-vpc.tencentcloudcr.com/team/app", Rewritten}},
		{"another port is not the instance", "demo.tencentcloudcr.com:8443/team/app", "a",
			Decision{"", "demo.tencentcloudcr.com:8443/team/app", OtherPort}},
		{"a letter that only looks like one of the host is another's", "\u212Aite.tencentcloudcr.com/team/app:1", "a",
			Decision{"", "\u212Aite.tencentcloudcr.com/team/app:1", UnknownHost}},
		{"a letter that folds to one of the host is another's", "k\u0130te.tencentcloudcr.com/team/app:1", "a",
			Decision{"", "k\u0130te.tencentcloudcr.com/team/app:1", UnknownHost}},
		{"a colon without a port is no reference", "demo.tencentcloudcr.com:/team/app", "a",
			Decision{"", "demo.tencentcloudcr.com:/team/app", NotManaged}},
		{"the public route leaves the public host", "open.tencentcloudcr.com/team/app:1", "a",
			Decision{"tcr-open0002", "open.tencentcloudcr.com/team/app:1", AsWritten}},
		{"the public route leaves a private host that was asked for", "open-vpc.tencentcloudcr.com/team/app:1", "a",
			Decision{"tcr-open0002", "open-vpc.tencentcloudcr.com/team/app:1", AsWritten}},
		{"the public route mends the spelling", "OPEN.tencentcloudcr.com:443/team/app:1", "a",
			Decision{"tcr-open0002", "open.tencentcloudcr.com/team/app:1", Respelled}},
		{"the private host in another spelling is mended", "DEMO-VPC.tencentcloudcr.com/team/app", "a",
			Decision{"tcr-demo0001", "demo-vpc.tencentcloudcr.com/team/app", Respelled}},
		{"an instance named like a private name has a private name of its own", "x-vpc.tencentcloudcr.com/team/app", "a",
			Decision{"tcr-xvpc0003", "x-vpc-vpc.tencentcloudcr.com/team/app", Rewritten}},
		{"an unknown private name is said", "nopv.tencentcloudcr.com/team/app", "a",
			Decision{"tcr-nopv0005", "nopv.tencentcloudcr.com/team/app", NoPrivateHost}},
		{"a selected namespace is served", "team.tencentcloudcr.com/team/app", "team-a",
			Decision{"tcr-team0004", "team-vpc.tencentcloudcr.com/team/app", Rewritten}},
		{"an excluded namespace is not", "team.tencentcloudcr.com/team/app", "team-b",
			Decision{"", "team.tencentcloudcr.com/team/app", NotSelected}},
		{"a host that only begins like ours is another's", "demo.tencentcloudcr.com.evil.io/team/app", "a",
			Decision{"", "demo.tencentcloudcr.com.evil.io/team/app", NotManaged}},
		{"a host that only ends like ours is unknown", "evildemo.tencentcloudcr.com/team/app", "a",
			Decision{"", "evildemo.tencentcloudcr.com/team/app", UnknownHost}},
		{"a deeper name is not an instance", "a.demo.tencentcloudcr.com/team/app", "a",
			Decision{"", "a.demo.tencentcloudcr.com/team/app", NotManaged}},
		{"our host as a path is not a host", "evil.io/demo.tencentcloudcr.com/app", "a",
			Decision{"", "evil.io/demo.tencentcloudcr.com/app", NotManaged}},
		{"user information is no reference", "demo.tencentcloudcr.com@evil.io/team/app", "a",
			Decision{"", "demo.tencentcloudcr.com@evil.io/team/app", NotManaged}},
		{"Tencent's public mirrors are nobody's instance", "quay.tencentcloudcr.com/coreos/etcd:1", "a",
			Decision{"", "quay.tencentcloudcr.com/coreos/etcd:1", PublicMirror}},
		{"a familiar name has no host", "nginx", "a", Decision{"", "nginx", NotManaged}},
		{"a familiar name with a user has no host", "team/app:1", "a", Decision{"", "team/app:1", NotManaged}},
		{"a local registry is not ours", "localhost:5000/x", "a", Decision{"", "localhost:5000/x", NotManaged}},
		{"localhost without a port is a host", "localhost/x", "a", Decision{"", "localhost/x", NotManaged}},
		{"an address is not ours", "[::1]:5000/x", "a", Decision{"", "[::1]:5000/x", NotManaged}},
		{"a placeholder of another webhook is left alone", "auto", "a", Decision{"", "auto", NotManaged}},
		{"nothing is nothing", "", "a", Decision{"", "", NotManaged}},
		{"an upper-case path is no reference", "demo.tencentcloudcr.com/Team/app", "a",
			Decision{"", "demo.tencentcloudcr.com/Team/app", Unparsable}},
		{"a template is no reference", "demo.tencentcloudcr.com/team/$(APP)", "a",
			Decision{"", "demo.tencentcloudcr.com/team/$(APP)", Unparsable}},
		{"a host alone is a familiar name", "demo.tencentcloudcr.com", "a",
			Decision{"", "demo.tencentcloudcr.com", NotManaged}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := d.Decide(tt.image, Namespace{Name: tt.ns})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Decide(%q) (-want +got):\n%s", tt.image, diff)
			}
		})
	}
}

func TestDecideByNamespaceLabels(t *testing.T) {
	t.Parallel()
	selector, err := labels.Parse("team=blue")
	require.NoError(t, err)
	blue, err := SelectNamespaces(nil, selector)
	require.NoError(t, err)
	d, _ := NewDirectory([]Entry{{ID: "tcr-blue0001", Namespaces: blue, Hosts: Hosts{Public: "blue.tencentcloudcr.com"}}})

	in := Namespace{Name: "a", Labels: map[string]string{"team": "blue"}}
	assert.Equal(t, ID("tcr-blue0001"), d.Decide("blue.tencentcloudcr.com/a/b", in).Instance)
	assert.Equal(t, NotSelected, d.Decide("blue.tencentcloudcr.com/a/b", Namespace{Name: "a"}).Reason)
}

func FuzzDecide(f *testing.F) {
	for _, s := range []string{
		"demo.tencentcloudcr.com/team/app:1", "DEMO.tencentcloudcr.com:443/a/b@" + digest, "x-vpc.tencentcloudcr.com/a",
		"demo.tencentcloudcr.com.evil.io/a", "nginx", "localhost:5000/x", "a/b:c", "[::1]:443/x", "demo.tencentcloudcr.com:/x",
		"r.example.com/\xff", "/x", "demo.tencentcloudcr.com//x", "auto",
		"open.tencentcloudcr.com/a:Tag_1.2-3@sha512:" + strings.Repeat("0", 128), "team-vpc.tencentcloudcr.com:0443/a__b/c-d.e",
		"demo.tencentcloudcr.com/" + strings.Repeat("p", 252) + ":" + strings.Repeat("t", 128), "NOPV.tencentcloudcr.com/library/nginx",
	} {
		f.Add(s)
	}
	d := testDirectory(f)
	ns := Namespace{Name: "team-a"}
	f.Fuzz(func(t *testing.T, image string) {
		got := d.Decide(image, ns)
		if got.Instance == "" {
			require.Equal(t, image, got.Image, "an image that needs no login of ours changed")
			require.False(t, isOurs(d, image), "an image of ours gets no login: %s", got.Reason)
			return
		}
		require.True(t, isOurs(d, image), "the login of %s for another's image", got.Instance)
		requireOnlyHostChanges(t, image, got.Image)
		host, _, _ := strings.Cut(got.Image, "/")
		require.Contains(t, hostsOf(d, got.Instance), Host(host))
		again := d.Decide(got.Image, ns)
		require.Equal(t, got.Image, again.Image)
		require.Equal(t, got.Instance, again.Instance)
	})
}

// isOurs tells by the reference library alone whether an instance of d has the
// image: its whole host is a name of the instance's, in any case, on port 443.
func isOurs(d *Directory, image string) bool {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(reference.Domain(named)), ":443")
	return slices.ContainsFunc(d.entries, func(e Entry) bool { return slices.Contains(e.Hosts.All(), Host(host)) })
}

func hostsOf(d *Directory, id ID) []Host {
	i := slices.IndexFunc(d.entries, func(e Entry) bool { return e.ID == id })
	return d.entries[i].Hosts.All()
}

// requireOnlyHostChanges compares all but the host of two references: as bytes,
// and as what the reference library makes of them.
func requireOnlyHostChanges(t *testing.T, before, after string) {
	t.Helper()
	_, restBefore, _ := strings.Cut(before, "/")
	_, restAfter, _ := strings.Cut(after, "/")
	require.Equal(t, restBefore, restAfter)
	was, err := reference.ParseNormalizedNamed(before)
	require.NoError(t, err)
	is, err := reference.ParseNormalizedNamed(after)
	require.NoError(t, err)
	require.Equal(t, reference.Path(was), reference.Path(is))
	require.Equal(t, strings.TrimPrefix(was.String(), reference.Domain(was)), strings.TrimPrefix(is.String(), reference.Domain(is)), "tag or digest")
}

func BenchmarkDecide(b *testing.B) {
	d := testDirectory(b)
	ns := Namespace{Name: "team-a"}
	for name, image := range map[string]string{
		"managed": "demo.tencentcloudcr.com/team/app:1", "other": "docker.io/library/nginx:1.27", "familiar": "nginx:1.27",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = d.Decide(image, ns)
			}
		})
	}
}
