package registry

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEntriesAndHosts(t *testing.T) {
	t.Parallel()
	d, _ := NewDirectory([]Entry{
		{ID: "tcr-demo0001", Hosts: Hosts{Public: "demo.tencentcloudcr.com", Private: "demo-vpc.tencentcloudcr.com"}},
		{ID: "tcr-demo0002", Hosts: Hosts{Public: "demo-vpc.tencentcloudcr.com", Custom: []Host{"a.example.com"}}},
		{ID: "tcr-demo0001", Account: "b", Hosts: Hosts{Public: "demo.tencentcloudcr.com"}},
		{ID: "tcr-demo0003"},
	})
	var ids []ID
	for _, e := range d.Entries() {
		ids = append(ids, e.ID)
	}
	assert.Equal(t, []ID{"tcr-demo0001", "tcr-demo0002", "tcr-demo0001", "tcr-demo0003"}, ids)
	assert.Equal(t, Hosts{Public: "demo.tencentcloudcr.com"}, d.Entries()[0].Hosts, "without a name that another has")
	assert.Equal(t, []Host{"a.example.com", "demo-vpc.tencentcloudcr.com", "demo.tencentcloudcr.com"}, d.Hosts())
	d.Entries()[0].ID = "changed"
	assert.Equal(t, ID("tcr-demo0001"), d.Entries()[0].ID)
	empty, _ := NewDirectory(nil)
	assert.Empty(t, empty.Hosts())
}
