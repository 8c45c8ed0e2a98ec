package registry

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDecideWithoutAPrivateRoute(t *testing.T) {
	t.Parallel()
	const image, respelled = "demo.tencentcloudcr.com/a/b:1", "DEMO.tencentcloudcr.com/a/b:1"
	ns := Namespace{Name: "x"}
	d, _ := NewDirectory([]Entry{{
		ID: "tcr-demo0001", Route: RouteNone, Reach: Reach{NoLink, "link it"}, Namespaces: selectNamespaces(t),
		Hosts: Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"},
	}})
	got := d.Decide(image, ns)
	assert.Equal(t, Decision{"tcr-demo0001", image, NoLink}, got)
	assert.Equal(t, "link it", d.Advice(got))
	assert.Equal(t, "link it", d.Advice(d.Decide(respelled, ns)))
	assert.Empty(t, d.Advice(d.Decide("nginx", ns)))

	for _, route := range []Route{RouteAuto, RouteHosts, RoutePublicName, RouteNone, ""} {
		d, _ := NewDirectory([]Entry{{ID: "tcr-demo0001", Route: route, Namespaces: selectNamespaces(t), Hosts: Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"}}})
		assert.Equal(t, Decision{"tcr-demo0001", image, AsWritten}, d.Decide(image, ns), route)
	}
}

// An instance named like another's private name takes it, and the other says so.
func TestAPrivateNameThatIsTakenIsSaid(t *testing.T) {
	t.Parallel()
	d, _ := NewDirectory([]Entry{
		{ID: "tcr-xxxx0001", Route: RoutePrivateName, Namespaces: selectNamespaces(t), Hosts: Hosts{Public: "x.tencentcloudcr.com", Private: "x-vpc.tencentcloudcr.com"}},
		{ID: "tcr-xvpc0002", Route: RoutePrivateName, Namespaces: selectNamespaces(t), Hosts: Hosts{Public: "x-vpc.tencentcloudcr.com", Private: "x-vpc-vpc.tencentcloudcr.com"}},
	})
	got := d.Decide("x.tencentcloudcr.com/a/b", Namespace{Name: "x"})
	assert.Equal(t, Decision{"tcr-xxxx0001", "x.tencentcloudcr.com/a/b", NoPrivateHost}, got)
	assert.Contains(t, d.Advice(got), "x-vpc.tencentcloudcr.com belongs to instance tcr-xvpc0002")
	got = d.Decide("x-vpc.tencentcloudcr.com/a/b", Namespace{Name: "x"})
	assert.Equal(t, Decision{"tcr-xvpc0002", "x-vpc-vpc.tencentcloudcr.com/a/b", Rewritten}, got)
	assert.Empty(t, d.Advice(got))
}
