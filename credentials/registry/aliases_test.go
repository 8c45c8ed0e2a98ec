package registry

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAliases(t *testing.T) {
	t.Parallel()
	all := selectNamespaces(t)
	d, _ := NewDirectory([]Entry{
		{ID: "tcr-demo0001", Namespaces: all, Hosts: Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com", Custom: []Host{"r.example.com"}}},
		{ID: "tcr-dvpc0002", Namespaces: all, Hosts: Hosts{Public: "demo-vpc.tencentcloudcr.com"}},
		{ID: "tcr-late0003", Namespaces: all},
		{ID: "logins", Namespaces: all, Hosts: Hosts{Public: "ccr.ccs.tencentyun.com", Custom: []Host{"quay.io"}}},
	})
	assert.Equal(t, map[Host]Host{
		"demo.tencentcloudcr.com":     "demo.tencentcloudcr.com",
		"r.example.com":               "demo.tencentcloudcr.com",
		"demo-vpc.tencentcloudcr.com": "demo-vpc.tencentcloudcr.com",
	}, d.Aliases(), "an instance's hosts are one, another's are not, nor are those of a login")

	for id, want := range map[ID]Host{"tcr-demo0001": "demo.tencentcloudcr.com", "tcr-dvpc0002": "demo-vpc.tencentcloudcr.com", "tcr-late0003": ""} {
		host, ok := d.CanonicalHost(id)
		assert.True(t, ok)
		assert.Equal(t, want, host)
	}
	_, ok := d.CanonicalHost("tcr-none0004")
	assert.False(t, ok)

	assert.True(t, d.MayBeOurs("late.tencentcloudcr.com"))
	for _, h := range []Host{"demo.tencentcloudcr.com", "quay.tencentcloudcr.com", "a.b.tencentcloudcr.com", "late.example.com"} {
		assert.False(t, d.MayBeOurs(h), h)
	}
	assert.False(t, testDirectory(t).MayBeOurs("late.tencentcloudcr.com"), "all hosts are known")
}
