package registry

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDirectoryConflicts(t *testing.T) {
	t.Parallel()
	all := selectNamespaces(t)
	d, conflicts := NewDirectory([]Entry{
		{ID: "tcr-demo0001", Route: RoutePrivateName, Namespaces: all,
			Hosts: Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"}},
		{ID: "tcr-dvpc0002", Route: RoutePublicName, Namespaces: all,
			Hosts: Hosts{Public: "demo-vpc.tencentcloudcr.com", Custom: []Host{"demo.tencentcloudcr.com"}}},
	})

	want := []Conflict{
		{Host: "demo-vpc.tencentcloudcr.com", Kept: "tcr-dvpc0002", Taken: "tcr-demo0001"},
		{Host: "demo.tencentcloudcr.com", Kept: "tcr-demo0001", Taken: "tcr-dvpc0002"},
	}
	if diff := cmp.Diff(want, conflicts); diff != "" {
		t.Errorf("conflicts (-want +got):\n%s", diff)
	}
	got := d.Decide("demo.tencentcloudcr.com/a/b", Namespace{Name: "x"})
	assert.Equal(t, Decision{"tcr-demo0001", "demo.tencentcloudcr.com/a/b", NoPrivateHost}, got,
		"an image was sent to another instance's public name")
	assert.Equal(t, ID("tcr-dvpc0002"), d.Decide("demo-vpc.tencentcloudcr.com/a/b", Namespace{Name: "x"}).Instance)
}

// The API may be away when we start, and a pod that is admitted without the
// pull secret can never be given it.
func TestAnInstanceWithoutHostsStillGetsItsLogin(t *testing.T) {
	t.Parallel()
	d, _ := NewDirectory([]Entry{
		{ID: "tcr-demo0001", Route: RoutePrivateName, Namespaces: selectNamespaces(t, "team-*")},
		{ID: "tcr-open0002", Namespaces: selectNamespaces(t), Hosts: Hosts{Public: "open.tencentcloudcr.com"}},
	})
	team, other := Namespace{Name: "team-a"}, Namespace{Name: "other"}
	const image = "demo.tencentcloudcr.com/a/b:1"

	assert.Equal(t, Decision{"tcr-demo0001", image, HostsNotKnown}, d.Decide(image, team))
	assert.Equal(t, Decision{"", image, UnknownHost}, d.Decide(image, other))
	assert.Equal(t, PublicMirror, d.Decide("quay.tencentcloudcr.com/a/b", team).Reason)
	assert.Equal(t, NotManaged, d.Decide("docker.io/a/b", team).Reason)
	assert.Equal(t, ID("tcr-open0002"), d.Decide("open.tencentcloudcr.com/a/b", team).Instance)
}

func TestServing(t *testing.T) {
	t.Parallel()
	hosts := Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"}
	d, conflicts := NewDirectory([]Entry{
		{ID: "tcr-demo0001", Hosts: hosts, Route: RoutePublicName, Namespaces: selectNamespaces(t, "team-*")},
		{ID: "tcr-demo0001", Hosts: hosts, Route: RoutePrivateName, Namespaces: selectNamespaces(t, "*", "!kube-public")},
		{ID: "tcr-open0002", Hosts: Hosts{Public: "open.tencentcloudcr.com"}, Namespaces: selectNamespaces(t, "open")},
	})
	require.Empty(t, conflicts, "two entries of one instance share its hosts")

	serving := func(name string) (got []string) {
		for _, e := range d.Serving(Namespace{Name: name}) {
			got = append(got, string(e.ID)+" "+string(e.Route))
		}
		return got
	}
	assert.Equal(t, []string{"tcr-demo0001 PublicName"}, serving("team-a"), "the first entry of an instance decides")
	assert.Equal(t, []string{"tcr-demo0001 PrivateName"}, serving("other"))
	assert.Equal(t, []string{"tcr-demo0001 PrivateName", "tcr-open0002 "}, serving("open"))
	assert.Empty(t, serving("kube-public"))
	assert.Equal(t, []ID{"tcr-demo0001", "tcr-open0002"}, d.IDs())
	assert.Equal(t, []Host{"demo.tencentcloudcr.com", "demo-vpc.tencentcloudcr.com"}, hosts.All())
}

func TestTheZeroDirectoryKnowsNothing(t *testing.T) {
	t.Parallel()
	var d Directory
	assert.Equal(t, UnknownHost, d.Decide("demo.tencentcloudcr.com/a/b", Namespace{}).Reason)
	assert.Empty(t, d.Serving(Namespace{Name: "a"}))
}

func TestSelectNamespaces(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		globs []string
		yes   []string
		no    []string
	}{
		{"no globs select all", nil, []string{"a", "kube-system"}, nil},
		{"a name selects itself", []string{"a"}, []string{"a"}, []string{"ab", ""}},
		{"the last match decides", []string{"*", "!team-*", "team-a"}, []string{"x", "team-a"}, []string{"team-b"}},
		{"a question mark is one character", []string{"t?"}, []string{"t1"}, []string{"t", "t12"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := selectNamespaces(t, tt.globs...)
			for _, name := range tt.yes {
				assert.True(t, n.Match(Namespace{Name: name}), name)
			}
			for _, name := range tt.no {
				assert.False(t, n.Match(Namespace{Name: name}), name)
			}
		})
	}
	for _, bad := range [][]string{{""}, {"!"}, {"[a"}, {"a/b"}, {"!kube-system"}} {
		_, err := SelectNamespaces(bad, nil)
		require.Error(t, err, bad)
	}
	assert.False(t, Namespaces{}.Match(Namespace{Name: "a"}), "the zero value selects none")
}

func TestParseID(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"tcr-m3ut3qxx", "tcr-00000000"} {
		id, err := ParseID(good)
		require.NoError(t, err)
		assert.Equal(t, ID(good), id)
	}
	for _, bad := range []string{"", "tcr-", "demo", "TCR-M3UT3QXX", "tcr-m3ut_qxx", "tcr-m3ut3qxx ", "tcr-abc", "tcr-m3ut3qxx\n", "tcr-06d62e1r-5"} {
		_, err := ParseID(bad)
		require.Error(t, err, bad)
	}
}

func TestParseHost(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"demo.tencentcloudcr.com", "r.example.com"} {
		_, err := ParseHost(good)
		require.NoError(t, err)
	}
	for _, bad := range []string{"", "demo", "Demo.tencentcloudcr.com", "demo.tencentcloudcr.com:443", "https://demo.tencentcloudcr.com", "demo.tencentcloudcr.com/team"} {
		_, err := ParseHost(bad)
		require.ErrorContains(t, err, "not a registry host", bad)
	}
}
