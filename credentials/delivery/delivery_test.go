package delivery

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/tcr-webhook/tcr-webhook/credentials/registry"
)

// testDirectory serves tcr-open0001 everywhere, tcr-team0002 in team-*, and
// tcr-gold0003 in namespaces of that tier, these without being asked.
func testDirectory(t *testing.T) *registry.Directory {
	t.Helper()
	entry := func(id registry.ID, every bool, selector labels.Selector, globs ...string) registry.Entry {
		n, err := registry.SelectNamespaces(globs, selector)
		require.NoError(t, err)
		return registry.Entry{ID: id, Namespaces: n, EveryNamespace: every}
	}
	d, _ := registry.NewDirectory([]registry.Entry{
		entry("tcr-open0001", false, nil, "*", "!closed"),
		entry("tcr-team0002", false, nil, "team-*"),
		entry("tcr-gold0003", true, labels.SelectorFromSet(labels.Set{"tier": "gold"})),
	})
	return d
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	gold := map[string]string{"tier": "gold"}
	tests := map[string]struct {
		name    string
		labels  map[string]string
		deliver string
		unasked bool
		refused []string
		may     []registry.ID
	}{
		"a namespace that says nothing waits for a pod":           {name: "shop", may: []registry.ID{"tcr-open0001"}},
		"a namespace that names an instance is served at once":    {name: "shop", deliver: "tcr-open0001", unasked: true, may: []registry.ID{"tcr-open0001"}},
		"every namespace of an entry is served at once":           {name: "shop", labels: gold, unasked: true, may: []registry.ID{"tcr-open0001", "tcr-gold0003"}},
		"an instance of other namespaces is refused":              {name: "shop", deliver: "tcr-team0002", refused: []string{"tcr-team0002"}, may: []registry.ID{"tcr-open0001"}},
		"spaces, empty items and repetitions do not matter":       {name: "team-a", deliver: " ,tcr-team0002 ,,tcr-open0001,tcr-team0002", unasked: true, may: []registry.ID{"tcr-open0001", "tcr-team0002"}},
		"one wrong name does not take the right one's delivery":   {name: "shop", deliver: "typo,tcr-open0001", unasked: true, refused: []string{"typo"}, may: []registry.ID{"tcr-open0001"}},
		"a namespace that gets nothing may name nothing":          {name: "closed", deliver: "tcr-open0001", refused: []string{"tcr-open0001"}},
		"a namespace that gets nothing and names nothing is fine": {name: "closed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, ns := testDirectory(t), Namespace{Namespace: registry.Namespace{Name: tt.name, Labels: tt.labels}, Deliver: tt.deliver}
			assert.Equal(t, tt.unasked, Unasked(d, ns))
			refused, may := Refused(d, ns)
			assert.Equal(t, tt.refused, refused)
			assert.Equal(t, tt.may, may)
		})
	}
}
